// SPDX-License-Identifier: Apache-2.0
//
// From a model to the processes of a report: names, order, and what a damaged file may claim.
#include "report/process_names.h"
#include "report/process_tree.h"
#include "tests/support/catch.h"

namespace vtn::test {
namespace {

using Words = std::vector<std::string>;

// A model without a spool behind it.
struct Made {
  spool::Model model;

  spool::ImageInfo& image(uint32_t process,
                          uint32_t pid,
                          uint64_t ticks,
                          uint32_t parent = spool::kNoProcess) {
    while (model.process_ends.size() <= process) {
      model.process_ends.emplace_back();
    }
    spool::ImageInfo& made = model.images.emplace_back();
    made.image = static_cast<uint32_t>(model.images.size() - 1);
    made.process = process;
    made.pid = made.own_pid = pid;
    made.start_ticks = ticks;
    made.parent_process = parent;
    return made;
  }
};

std::string name_of_command(const Words& argv) { return report::program_name("", argv); }

}  // namespace

TEST_CASE("tree: a Python program is called by what it runs", "[tree]") {
  CHECK(name_of_command({"python3", "/srv/app.py", "--port", "1"}) == "app.py");
  CHECK(name_of_command({"/usr/bin/python3.12", "-X", "dev", "-W", "error", "app.py"}) == "app.py");
  CHECK(name_of_command({"python3", "-Xdev", "-Werror", "-u", "-IS", "app.py"}) == "app.py");
  CHECK(name_of_command({"python3", "-m", "http.server", "80"}) == "http.server");
  CHECK(name_of_command({"python3", "-Imhttp.server"}) == "http.server");
  CHECK(name_of_command({"python3", "-Im", "pip", "install"}) == "pip");
  CHECK(name_of_command({"python3", "-c", "print()"}) == "python3 -c print()");
  CHECK(name_of_command({"python3", "-c", ""}) == "python3 -c");
  CHECK(name_of_command({"python3", "-c", "import os\n\nos.abort()"}) ==
        "python3 -c import os os.abort()");
  CHECK(name_of_command({"python3", "-c", std::string(100, 'x')}) ==
        "python3 -c " + std::string(37, 'x') + "\xe2\x80\xa6");
  CHECK(name_of_command({"python3", "-u", "-c", "import sys;exec(eval(sys.stdin.readline()))"}) ==
        "execnet worker");
  CHECK(name_of_command({"python3", "-"}) == "python3 -");
  CHECK(name_of_command({"python3", "-i"}) == "python3");
  CHECK(name_of_command({"python3", "--check-hash-based-pycs", "always", "x.py"}) == "x.py");
  CHECK(name_of_command({"python3"}) == "python3");
  CHECK(name_of_command({"python3", "/venv/bin/flask", "run"}) == "flask");
  CHECK(name_of_command({"python3", "/srv/pkg/__main__.py"}) == "pkg");
  CHECK(name_of_command({"python3", "/srv/pkg/"}) == "pkg");
  CHECK(name_of_command({"python3", "__main__.py"}) == "__main__.py");
  CHECK(name_of_command({"python3", "-m"}) == "python3");
  CHECK(name_of_command({"python3", "-c", "from multiprocessing.spawn import spawn_main; x()"}) ==
        "multiprocessing spawn");
  CHECK(report::program_name("/usr/bin/python3.11", {"mytool", "run.py"}) == "run.py");
}

TEST_CASE("tree: other programs are called by their command line, on one line", "[tree]") {
  CHECK(name_of_command({"/usr/bin/ls", "-l"}) == "ls -l");
  CHECK(name_of_command({"sh", "-c", "a\n\tb"}) == "sh -c a b");
  CHECK(name_of_command({"python3-config", "--x"}) == "python3-config --x");
  CHECK(report::program_name("/bin/true", {}) == "true");
  CHECK(report::program_name("/bin/true", {""}) == "true");
  const std::string longer = name_of_command({"cc", std::string(200, 'x')});
  CHECK(longer.size() == 80);
  CHECK(longer.ends_with("\xe2\x80\xa6"));
  // Not cut within a character, and valid whatever the program gave.
  for (size_t most = 10; most < 20; ++most) {
    const std::string cut =
        report::one_line("abc\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xff\xff", most);
    CHECK(cut.size() <= most);
    CHECK(cut == report::one_line(cut, 100));
  }
}

TEST_CASE("tree: multiprocessing's name and a title come first", "[tree]") {
  Made made;
  spool::ImageInfo& main = made.image(0, 10, 1);
  main.argv = {"python3", "app.py"};
  main.name = "MainProcess";
  main.traced = true;
  spool::ImageInfo& worker = made.image(1, 11, 2, 0);
  worker.kind = SlotKind::kForked;
  worker.traced = true;
  worker.name = "ForkPoolWorker-1";
  made.image(2, 12, 3, 0).argv = {"gunicorn"};
  made.model.process_ends[2].title = "gunicorn:\tworker [app]";
  const report::ProcessTree tree = report::build_process_tree(made.model);
  CHECK(tree.processes[0].name == "app.py");
  CHECK(tree.processes[1].name == "ForkPoolWorker-1 (app.py)");
  CHECK(tree.processes[2].name == "gunicorn: worker [app]");
  CHECK(tree.of_image(made.model, 1).number == 1);
}

TEST_CASE("tree: a fork that goes on to an exec is called by what it becomes", "[tree]") {
  Made made;
  spool::ImageInfo& main = made.image(0, 10, 1);
  main.argv = {"python3", "app.py"};
  main.traced = true;
  const auto fork = [&](uint32_t process, uint64_t ticks, Words then) -> spool::ImageInfo& {
    spool::ImageInfo& forked = made.image(process, 10 + process, ticks, 0);
    forked.kind = SlotKind::kForked;
    forked.traced = true;  // preexec_fn, or whatever stands before os.execv
    forked.name = "ForkPoolWorker-1";
    spool::ImageInfo& image = made.image(process, 10 + process, ticks + 1, 0);
    image.argv = std::move(then);
    return image;
  };
  (void)fork(1, 10, {"sleep", "0.05"});
  fork(2, 20, {"python3", "worker.py"}).traced = true;
  spool::ImageInfo& old = fork(3, 30, {"python3.9", "old.py"});
  old.end.reason = static_cast<uint32_t>(UntracedReason::kTooOld);
  spool::ImageInfo& last = made.image(4, 14, 40, 0);
  last.kind = SlotKind::kForked;
  last.traced = true;
  const report::ProcessTree tree = report::build_process_tree(made.model);
  CHECK(tree.processes[1].name == "sleep 0.05");
  CHECK(tree.processes[1].traced());  // the calls of its fork are there
  CHECK(tree.processes[2].name == "worker.py");
  CHECK(tree.processes[3].name == "old.py");
  CHECK(tree.processes[3].missed());  // for the Python that it became
  CHECK(tree.processes[4].name == "app.py (fork)");
}

TEST_CASE("tree: helpers are called after the program they work for", "[tree]") {
  Made made;
  const Words spawn = {"python3", "-c", "from multiprocessing.spawn import spawn_main; x()"};
  made.image(0, 10, 1).argv = {"python3", "app.py"};
  spool::ImageInfo& spawned = made.image(1, 11, 2, 0);
  spawned.argv = spawn;
  spawned.name = "SpawnProcess-1";
  spool::ImageInfo& below = made.image(2, 12, 3, 1);  // started by that one
  below.argv = spawn;
  below.name = "SpawnProcess-1:1";
  made.image(3, 13, 4, 0).argv = {
      "python3", "-c", "from multiprocessing.forkserver import main; x()"};
  spool::ImageInfo& forked = made.image(4, 14, 5, 3);
  forked.kind = SlotKind::kForked;
  forked.traced = true;
  forked.name = "ForkServerProcess-2";
  made.image(5, 15, 6).argv = {"python3", "-m", "pytest"};
  for (uint32_t i = 0; i < 2; ++i) {
    made.image(6 + i, 16 + i, 7 + i, 5).argv = {
        "python3", "-u", "-c", "import sys;exec(eval(sys.stdin.readline()))"};
  }
  const report::ProcessTree tree = report::build_process_tree(made.model);
  Words names;
  for (const report::ProcessInfo& process : tree.processes) {
    names.push_back(process.name);
  }
  CHECK(names == Words{"app.py",
                       "SpawnProcess-1 (app.py)",
                       "SpawnProcess-1:1 (app.py)",
                       "multiprocessing forkserver (app.py)",
                       "ForkServerProcess-2 (app.py)",
                       "pytest",
                       "execnet worker (pytest)",
                       "execnet worker (pytest) #2"});
}

TEST_CASE("tree: no two Pythons have the same name", "[tree]") {
  Made made;
  made.image(0, 10, 1).argv = {"python3", "/bin/gunicorn"};
  for (uint32_t i = 0; i < 2; ++i) {
    spool::ImageInfo& worker = made.image(1 + i, 11 + i, 2 + i, 0);
    worker.kind = SlotKind::kForked;
    worker.flags = kSlotPython;
  }
  made.image(3, 13, 4, 0).argv = {"python3", "/bin/gunicorn"};  // it starts itself anew
  made.image(4, 14, 5, 0).argv = {"ls"};
  made.image(5, 15, 6, 0).argv = {"ls"};
  made.image(6, 16, 7).argv = {"python3", "x #2"};
  made.image(7, 17, 8).argv = {"python3", "x"};
  made.image(8, 18, 9).argv = {"python3", "x"};
  const report::ProcessTree tree = report::build_process_tree(made.model);
  Words names;
  for (const report::ProcessInfo& process : tree.processes) {
    names.push_back(process.name);
  }
  CHECK(names == Words{"gunicorn",
                       "gunicorn (fork)",
                       "gunicorn (fork) #2",
                       "gunicorn #2",
                       "ls",
                       "ls",
                       "x #2",
                       "x",
                       "x #3"});
}

TEST_CASE("tree: parents come before children, these by their start", "[tree]") {
  Made made;
  made.image(0, 10, 100);
  made.image(1, 11, 500, 0);
  made.image(2, 12, 200, 0);
  made.image(3, 13, 300, 2);
  made.image(4, 14, 50);
  const report::ProcessTree tree = report::build_process_tree(made.model);
  CHECK(tree.order == std::vector<uint32_t>{4, 0, 2, 3, 1});
  CHECK(tree.processes[3].depth == 2);
  CHECK(tree.processes[3].order == 3);
}

TEST_CASE("tree: circles and parents that are not there are cut", "[tree]") {
  Made made;
  made.image(0, 10, 1, 1);
  made.image(1, 11, 2, 0);
  made.image(2, 12, 3, 2);
  made.image(3, 13, 4, 900);
  const report::ProcessTree tree = report::build_process_tree(made.model);
  CHECK(tree.order.size() == 4);
  CHECK(tree.processes[2].parent == spool::kNoProcess);
  CHECK(tree.processes[3].parent == spool::kNoProcess);
  CHECK((tree.processes[0].parent == spool::kNoProcess) !=
        (tree.processes[1].parent == spool::kNoProcess));
}

TEST_CASE("tree: a chain of a hundred thousand processes is one", "[tree]") {
  Made made;
  constexpr uint32_t kCount = 100'000;
  for (uint32_t i = 0; i < kCount; ++i) {
    made.image(i, 10 + i, i, i == 0 ? spool::kNoProcess : i - 1);
  }
  const report::ProcessTree tree = report::build_process_tree(made.model);
  CHECK(tree.processes[kCount - 1].depth == kCount - 1);
}

TEST_CASE("tree: the ledger says what each process is", "[tree]") {
  Made made;
  made.image(0, 10, 1).argv = {"ls"};
  spool::ImageInfo& old = made.image(1, 11, 2);
  old.argv = {"python3.9", "x.py"};
  old.end.reason = static_cast<uint32_t>(UntracedReason::kTooOld);
  old.flags = kSlotPython;
  made.image(2, 12, 3).argv = {"python3", "y.py"};
  made.model.process_ends[2].known = true;
  made.model.process_ends[2].flags = spool::kProcessDied;
  // An untraced Python that goes on as another program is missed all the same.
  spool::ImageInfo& first = made.image(3, 13, 4);
  first.argv = {"python3.9"};
  first.end.reason = static_cast<uint32_t>(UntracedReason::kTooOld);
  made.image(3, 13, 5).argv = {"ls"};
  // A shell that becomes a traced Python.
  made.image(4, 14, 6).argv = {"sh"};
  spool::ImageInfo& traced = made.image(4, 14, 7);
  traced.argv = {"python3", "z.py"};
  traced.traced = true;
  const report::ProcessTree tree = report::build_process_tree(made.model);
  CHECK(tree.processes[0].ledger == report::LedgerEntry::kOther);
  CHECK(report::ledger_text(tree.processes[0]) == "not a CPython");
  CHECK(tree.processes[1].missed());
  CHECK(report::ledger_text(tree.processes[1]) == "untraced: it is older than 3.10");
  CHECK(tree.processes[2].ledger == report::LedgerEntry::kKilledEarly);
  CHECK_FALSE(tree.processes[2].missed());
  CHECK(tree.processes[3].missed());
  CHECK(tree.processes[4].traced());
  CHECK(tree.processes[4].name == "z.py");
  CHECK(tree.processes[4].slices.size() == 1);
}

TEST_CASE("tree: how the program ended is told by whoever ran it, if nobody else knows", "[tree]") {
  Made made;
  made.image(0, 10, 1);
  made.image(1, 10, 2, 0);  // the same pid, later
  for (spool::ProcessEndInfo& end : made.model.process_ends) {
    end.known = true;
    end.flags = spool::kProcessDied;
  }
  made.model.run_end.flags = spool::kRunHasStatus;
  made.model.run_end.pid = 10;
  made.model.run_end.wait_status = 0x700;
  const report::ProcessTree tree = report::build_process_tree(made.model);
  CHECK(tree.processes[0].status_known);
  CHECK(tree.processes[0].wait_status == 0x700);
  CHECK_FALSE(tree.processes[1].status_known);
}

}  // namespace vtn::test

// SPDX-License-Identifier: Apache-2.0
//
// Slots, as the shim leaves them all over a tree, and what becomes of them: processes, images,
// starts, ends.
#include "report/process_tree.h"
#include "subprocess_shim/claim.h"
#include "tests/support/recording.h"

namespace vtn::test {
namespace {

std::string text_of(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += word;
    text += '\0';
  }
  return text;
}

// A slot as somebody in the tree fills it in. The first word of `text` is the executable.
struct FakeSlot {
  uint32_t kind = VTN_SLOT_IMAGE;
  uint32_t pid = 0;
  uint32_t parent_pid = 0;
  uint64_t start_ticks = 0;
  std::vector<std::string> text = {};
  uint32_t flags = VTN_SLOT_ENDING;  // it will have said so, as they do
  uint32_t reason = 0;
  uint32_t pid_namespace = 0;
  uint32_t parent_tid = 0;
  uint32_t state = VTN_SLOT_PRESENT;
};

uint32_t put(Recording& run, const FakeSlot& from) {
  const uint32_t number = vtn_claim_slot(run.arena.control, run.arena.processes);
  REQUIRE(number < kMaxProcesses);
  ProcessSlot& slot = run.arena.processes[number];
  slot.kind = from.kind;
  slot.flags = from.flags;
  slot.reason = from.reason;
  slot.pid = from.pid;
  slot.parent_pid = from.parent_pid;
  slot.parent_tid = from.parent_tid;
  slot.pid_namespace = from.pid_namespace;
  slot.start_ticks = from.start_ticks;
  const std::string text = text_of(from.text);
  slot.text_bytes = static_cast<uint32_t>(text.size());
  memcpy(slot.text, text.data(), text.size());
  store_release(&slot.state, from.state);
  return number;
}

FakeSlot image(uint32_t pid,
               uint32_t parent_pid,
               uint64_t ticks,
               const std::vector<std::string>& text) {
  return {.pid = pid, .parent_pid = parent_pid, .start_ticks = ticks, .text = text};
}

FakeSlot forked(uint32_t pid, uint32_t parent_pid, uint64_t ticks) {
  return {.kind = VTN_SLOT_FORKED,
          .pid = pid,
          .parent_pid = parent_pid,
          .start_ticks = ticks,
          .parent_tid = parent_pid};
}

FakeSlot start(uint32_t pid,
               uint32_t parent_pid,
               uint64_t ticks,
               const std::vector<std::string>& text,
               uint32_t reason = 0) {
  return {.kind = VTN_SLOT_START,
          .pid = pid,
          .parent_pid = parent_pid,
          .start_ticks = ticks,
          .text = text,
          .reason = reason,
          .parent_tid = parent_pid + 1};
}

uint32_t state_of(const Recording& run, uint32_t slot) {
  return load_acquire(&run.arena.processes[slot].state);
}

report::ProcessTree tree_of(Recording& run, std::unique_ptr<spool::Reader>& reader) {
  reader = run.read();
  return report::build_process_tree(reader->model());
}

}  // namespace

TEST_CASE("processes: an exec is the same process, its images one after the other", "[processes]") {
  Recording run;
  const uint32_t shell = put(run, image(50, 1, 100, {"/bin/sh", "sh", "-c", "exec ls"}));
  run.drain->pass();
  const uint32_t announced = put(run, start(50, 50, 200, {"/bin/ls", "ls"}));
  run.arena.processes[shell].exec_ticks = 210;
  run.drain->pass();
  CHECK(state_of(run, announced) == VTN_SLOT_PRESENT);  // it may fail still
  const uint32_t after = put(run, image(50, 1, 250, {"/bin/ls", "ls"}));
  run.drain->pass();
  CHECK(state_of(run, shell) == VTN_SLOT_UNUSED);
  CHECK(state_of(run, announced) == VTN_SLOT_UNUSED);
  run.kill(0, 0x300);
  CHECK(state_of(run, after) == VTN_SLOT_UNUSED);
  CHECK(run.drain->slots_in_use() == 1);  // as of the look before the end

  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  const spool::Model& model = reader->model();
  REQUIRE(tree.processes.size() == 1);
  REQUIRE(model.images.size() == 2);
  CHECK(model.images[0].end.end_ticks == 210);  // when the exec began
  REQUIRE(model.starts.size() == 1);
  CHECK(model.starts[0].process == 0);
  CHECK(model.starts[0].argv == std::vector<std::string>{"ls"});
  const report::ProcessInfo& process = tree.processes[0];
  CHECK(process.ledger == report::LedgerEntry::kOther);
  CHECK(process.name == "ls");
  CHECK(process.wait_status == 0x300);
  CHECK(process.status_known);
  CHECK(process.ended);
  REQUIRE(process.slices.size() == 2);
  CHECK(process.slices[0].name == "sh -c exec ls");
  CHECK(process.slices[0].end_ticks <= process.slices[1].start_ticks);
  CHECK(process.slices[1].name == "ls");
  CHECK(process.slices[1].image == 1);
}

TEST_CASE("processes: who exits without saying so has left us", "[processes]") {
  Recording run;
  const auto without_a_word = [&](FakeSlot slot) {
    slot.flags = 0;
    return put(run, slot);
  };
  put(run, image(50, 1, 100, {"/bin/sh", "sh"}));
  without_a_word(forked(51, 50, 200));
  without_a_word(forked(52, 50, 300));
  const uint32_t executes = without_a_word(forked(53, 50, 400));
  without_a_word(image(54, 50, 500, {"/usr/bin/python3.9", "python3.9"}));
  run.drain->pass();
  run.arena.processes[executes].exec_ticks = 450;
  put(run, start(53, 53, 440, {"/bin/static", "static"}, VTN_UNTRACED_STATIC));
  run.drain->pass();
  store_release(&run.arena.processes[4].reason, uint32_t{VTN_UNTRACED_TOO_OLD});
  for (const uint32_t number : {1, 3, 4}) {
    run.kill(number, 0x100);
  }
  run.kill(2, 9);  // whoever is killed has no time for it
  run.kill(0, 0);
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  REQUIRE(tree.processes.size() == 5);
  CHECK(tree.processes[0].ledger == report::LedgerEntry::kOther);
  CHECK(tree.processes[1].reason == UntracedReason::kLeft);
  CHECK(report::ledger_text(tree.processes[1]) ==
        "untraced: it went on, or ended, by a system call of its own");
  CHECK(tree.processes[2].ledger == report::LedgerEntry::kOther);
  CHECK(tree.processes[3].reason == UntracedReason::kStatic);
  CHECK(tree.processes[4].reason == UntracedReason::kTooOld);
}

TEST_CASE("processes: what was executed past us is a program of its process", "[processes]") {
  Recording run;
  put(run, image(50, 1, 100, {"/bin/sh", "sh"}));
  put(run, start(51, 50, 200, {"/bin/static", "static"}, VTN_UNTRACED_STATIC));
  const uint32_t executes = put(run, forked(52, 50, 300));
  run.drain->pass();
  run.arena.processes[executes].exec_ticks = 350;
  put(run, start(52, 52, 340, {"/bin/fixed", "fixed"}, VTN_UNTRACED_STATIC));
  run.drain->pass();
  for (uint32_t number = 0; number < 3; ++number) {
    collector::ProcessFate& fate = run.kernel.fates[number];
    fate.command_line = text_of({"python3", "x.py"});
    fate.executable = "/usr/bin/python3.12";
    fate.past_us_ticks = 150;
    run.kill(number, 0);
  }
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  REQUIRE(tree.processes.size() == 3);
  const report::ProcessInfo& process = tree.processes[0];
  CHECK(process.name == "x.py");
  CHECK(process.title.empty());
  CHECK(process.executable == "/usr/bin/python3.12");
  CHECK(process.reason == UntracedReason::kPastUs);
  CHECK(process.missed());
  REQUIRE(process.slices.size() == 2);
  CHECK(process.slices[0].name == "sh");
  CHECK(process.slices[0].end_ticks == 151);
  CHECK(process.slices[1].name == "x.py");
  // Nothing of ours was in these, as somebody has announced.
  CHECK(tree.processes[1].name == "static");
  CHECK(tree.processes[1].reason == UntracedReason::kStatic);
  CHECK(tree.processes[2].name == "fixed");
  CHECK(tree.processes[2].reason == UntracedReason::kStatic);
}

TEST_CASE("processes: an exec that nobody announced is told by the kernel", "[processes]") {
  Recording run;
  put(run, image(50, 1, 100, {"/bin/sh", "sh"}));
  run.drain->pass();
  put(run, image(50, 1, 200, {"/bin/ls", "ls"}));  // the process of pid 50 still lives
  run.drain->pass();
  run.kernel.fates[0].died = true;
  put(run, image(50, 1, 300, {"/bin/cat", "cat"}));  // now it does not: another got its pid
  run.drain->pass();
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  REQUIRE(tree.processes.size() == 2);
  CHECK(tree.processes[0].images == std::vector<uint32_t>{0, 1});
  CHECK(tree.processes[1].images == std::vector<uint32_t>{2});
  CHECK(tree.processes[0].shown_pid == 50);
  CHECK(tree.processes[1].pid == 50);
  CHECK(tree.processes[1].shown_pid == report::kMadeUpPid + 1);
}

TEST_CASE("processes: a chain of execs that all came in one pass is put in order", "[processes]") {
  Recording run;
  // Slots in any order: only the times tell.
  const uint32_t last = put(run, image(50, 1, 300, {"/bin/c", "c"}));
  const uint32_t first = put(run, image(50, 1, 100, {"/bin/a", "a"}));
  const uint32_t middle = put(run, image(50, 1, 200, {"/bin/b", "b"}));
  run.arena.processes[first].exec_ticks = 190;
  run.arena.processes[middle].exec_ticks = 290;
  run.kernel.dead.insert(50);
  run.kernel.fates[0].died = true;
  run.drain->pass();
  CHECK(state_of(run, last) == VTN_SLOT_PRESENT);
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  REQUIRE(tree.processes.size() == 1);
  REQUIRE(tree.processes[0].slices.size() == 3);
  CHECK(tree.processes[0].slices[0].name == "a");
  CHECK(tree.processes[0].slices[1].name == "b");
  CHECK(tree.processes[0].slices[2].name == "c");
  CHECK(run.kernel.asked == 1);
}

TEST_CASE("processes: what was before an exec may be found after it", "[processes]") {
  Recording run;
  put(run, image(50, 1, 100, {"/bin/sh", "sh"}));
  put(run, image(51, 50, 300, {"/bin/ls", "ls"}));
  run.drain->pass();
  // The fork and the announcement were there before; now the process is dead.
  run.kernel.fates[1].died = true;
  const uint32_t fork_of_it = put(run, forked(51, 50, 200));
  run.arena.processes[fork_of_it].exec_ticks = 290;
  const uint32_t announced = put(run, start(51, 51, 280, {"/bin/ls", "ls"}));
  run.kill(1, 0);
  CHECK(state_of(run, fork_of_it) == VTN_SLOT_UNUSED);
  CHECK(state_of(run, announced) == VTN_SLOT_UNUSED);
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  REQUIRE(tree.processes.size() == 2);
  CHECK(tree.processes[1].images == std::vector<uint32_t>{2, 1});  // in time
  CHECK(tree.processes[1].start_ticks == 200);
  CHECK(tree.processes[1].starts.size() == 1);
  REQUIRE(tree.processes[1].slices.size() == 1);
  CHECK(tree.processes[1].name == "ls");
}

TEST_CASE("processes: a fork, and the exec that follows, are a child of their parent",
          "[processes]") {
  Recording run;
  put(run, image(50, 1, 100, {"/bin/sh", "sh", "x.sh"}));
  const uint32_t child = put(run, forked(51, 50, 200));
  run.drain->pass();
  run.arena.processes[child].exec_ticks = 210;
  put(run, image(51, 50, 220, {"/bin/ls", "ls", "-l"}));
  put(run, forked(52, 50, 230));  // a subshell
  run.drain->pass();
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  REQUIRE(tree.processes.size() == 3);
  CHECK(tree.processes[1].parent == 0);
  CHECK(tree.processes[1].parent_tid == 50);
  CHECK(tree.processes[1].start_ticks == 200);
  CHECK(tree.processes[1].name == "ls -l");
  REQUIRE(tree.processes[1].slices.size() == 1);  // the fork is not drawn
  CHECK(tree.processes[2].name == "sh x.sh");
  REQUIRE(tree.processes[2].slices.size() == 1);
  CHECK(tree.processes[2].slices[0].name == "sh x.sh (fork)");
  CHECK(tree.processes[2].argv == std::vector<std::string>{"sh", "x.sh"});
  CHECK(tree.order == std::vector<uint32_t>{0, 1, 2});
  CHECK(tree.processes[2].depth == 1);
}

TEST_CASE("processes: what is started and what comes of it find each other", "[processes]") {
  Recording run;
  put(run, image(50, 1, 100, {"/bin/make", "make"}));
  SECTION("the call is noted first") {
    const uint32_t asked = put(run, start(51, 50, 200, {"/bin/cc", "cc", "a.c"}));
    run.drain->pass();
    CHECK(state_of(run, asked) == VTN_SLOT_UNUSED);
    put(run, image(51, 50, 220, {"/bin/cc", "cc", "a.c"}));
  }
  SECTION("the program is noted first, and has ended") {
    put(run, image(51, 50, 220, {"/bin/cc", "cc", "a.c"}));
    run.drain->pass();
    run.kill(1, 0);
    put(run, start(51, 50, 200, {"/bin/cc", "cc", "a.c"}));
  }
  SECTION("both at once") {
    put(run, image(51, 50, 220, {"/bin/cc", "cc", "a.c"}));
    put(run, start(51, 50, 200, {"/bin/cc", "cc", "a.c"}));
  }
  run.drain->pass();
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  REQUIRE(tree.processes.size() == 2);
  const report::ProcessInfo& child = tree.processes[1];
  CHECK(child.parent == 0);
  CHECK(child.parent_tid == 51);
  CHECK(child.start_ticks == 200);
  CHECK(child.images.size() == 1);
  CHECK(child.starts.size() == 1);
  REQUIRE(child.slices.size() == 1);
  CHECK(child.slices[0].start_ticks == 220);
}

TEST_CASE("processes: a program that nothing can be put into is a process all the same",
          "[processes]") {
  Recording run;
  put(run, image(50, 1, 100, {"/bin/sh", "sh"}));
  put(run, start(51, 50, 200, {"/bin/busybox", "busybox", "ls"}, VTN_UNTRACED_STATIC));
  put(run, start(52, 50, 300, {"/opt/python3.12", "python3", "x.py"}, VTN_UNTRACED_STATIC));
  put(run, start(53, 50, 400, {"/opt/python3.12", "python3", "x.py"}, VTN_UNTRACED_EXCLUDED));
  run.drain->pass();
  run.kill(1, 9);
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  REQUIRE(tree.processes.size() == 4);
  CHECK(tree.processes[1].ledger == report::LedgerEntry::kUntraced);
  CHECK(tree.processes[1].reason == UntracedReason::kStatic);
  CHECK_FALSE(tree.processes[1].missed());
  CHECK(tree.processes[1].wait_status == 9);
  CHECK(tree.processes[1].parent == 0);
  REQUIRE(tree.processes[1].slices.size() == 1);
  CHECK(tree.processes[1].slices[0].start_ticks == 200);
  CHECK(tree.processes[2].missed());
  CHECK(tree.processes[2].name == "x.py");
  CHECK_FALSE(tree.processes[3].missed());
  CHECK(report::ledger_text(tree.processes[2]) == "untraced: it is a static executable");
}

TEST_CASE("processes: an exec into a static program goes on in the same line", "[processes]") {
  Recording run;
  put(run, image(50, 1, 100, {"/bin/sh", "sh"}));
  const uint32_t announced =
      put(run, start(50, 50, 200, {"/bin/busybox", "busybox"}, VTN_UNTRACED_STATIC));
  run.drain->pass();
  run.kill(0, 0);
  CHECK(state_of(run, announced) == VTN_SLOT_UNUSED);
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  REQUIRE(tree.processes.size() == 1);
  CHECK(tree.processes[0].ledger == report::LedgerEntry::kUntraced);
  REQUIRE(tree.processes[0].slices.size() == 2);
  CHECK(tree.processes[0].slices[0].end_ticks == 200);
  CHECK(tree.processes[0].slices[1].name == "busybox");
}

TEST_CASE("processes: what failed to start is nothing", "[processes]") {
  Recording run;
  put(run, image(50, 1, 100, {"/bin/sh", "sh"}));
  const uint32_t spawn = put(run, start(0, 50, 200, {"/bin/nothing", "nothing"}));
  run.arena.processes[spawn].state = VTN_SLOT_WITHDRAWN;
  const uint32_t exec = put(run, start(50, 50, 300, {"/bin/noexec", "noexec"}));
  run.drain->pass();
  CHECK(state_of(run, spawn) == VTN_SLOT_UNUSED);
  CHECK(state_of(run, exec) == VTN_SLOT_PRESENT);
  store_release(&run.arena.processes[exec].state, uint32_t{VTN_SLOT_WITHDRAWN});
  run.drain->pass();
  CHECK(state_of(run, exec) == VTN_SLOT_UNUSED);
  const uint32_t pending = put(run, start(0, 50, 400, {"/bin/x", "x"}));
  run.arena.processes[pending].state = VTN_SLOT_CLAIMED;  // its pid is not known yet
  run.drain->pass();
  CHECK(state_of(run, pending) == VTN_SLOT_CLAIMED);
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  CHECK(tree.processes.size() == 1);
  CHECK(reader->model().starts.empty());
}

TEST_CASE("processes: a slot that its owner died in is free again", "[processes]") {
  Recording run;
  put(run, image(50, 1, 100, {"/bin/sh", "sh"}));
  FakeSlot half = start(0, 50, 200, {"/bin/ls", "ls"});
  half.state = VTN_SLOT_CLAIMED;
  const uint32_t of_it = put(run, half);
  half.parent_pid = 51;
  const uint32_t of_another = put(run, half);
  run.drain->pass();
  run.kill(0, 9);
  CHECK(state_of(run, of_it) == VTN_SLOT_UNUSED);
  CHECK(state_of(run, of_another) == VTN_SLOT_CLAIMED);
}

TEST_CASE("processes: how one ended is told by the kernel, by itself or by its parent",
          "[processes]") {
  Recording run;
  const uint32_t first = put(run, image(50, 1, 100, {"/bin/a", "a"}));
  const uint32_t second = put(run, image(51, 1, 101, {"/bin/b", "b"}));
  put(run, image(52, 1, 102, {"/bin/c", "c"}));
  put(run, image(53, 1, 103, {"/bin/d", "d"}));
  run.drain->pass();
  for (const uint32_t slot : {first, second}) {
    run.arena.processes[slot].exit_status = 0x500;
    run.arena.processes[slot].exit_ticks = 500;
    run.arena.processes[slot].exit_known = 1;
  }
  run.kill(0, 9);
  run.kill(1);
  run.kill(2);
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  REQUIRE(tree.processes.size() == 4);
  CHECK(tree.processes[0].wait_status == 9);  // the kernel knows better than what it meant to do
  CHECK(tree.processes[1].wait_status == 0x500);
  CHECK(tree.processes[1].end_ticks == 500);
  CHECK(tree.processes[1].end_exact);
  CHECK_FALSE(tree.processes[2].status_known);
  CHECK(tree.processes[2].ended);
  CHECK_FALSE(tree.processes[3].ended);
}

TEST_CASE("processes: a parent that is slow to say how its child ended is heard", "[processes]") {
  Recording run;
  put(run, image(50, 1, 100, {"/bin/sh", "sh"}));
  const uint32_t child = put(run, image(51, 50, 200, {"/bin/a", "a"}));
  run.drain->pass();
  run.kill(1);
  CHECK(run.drain->pass().processes);  // to be looked at again soon
  CHECK(state_of(run, child) == VTN_SLOT_PRESENT);
  run.arena.processes[child].exit_status = 0x700;
  run.arena.processes[child].exit_ticks = 300;
  run.arena.processes[child].exit_known = 1;
  run.drain->pass();
  CHECK(state_of(run, child) == VTN_SLOT_UNUSED);
  CHECK_FALSE(run.drain->pass().processes);

  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  REQUIRE(tree.processes.size() == 2);
  CHECK(tree.processes[1].ended);
  CHECK(tree.processes[1].wait_status == 0x700);
}

TEST_CASE("processes: a child whose parent has died is not waited for", "[processes]") {
  Recording run;
  put(run, image(50, 1, 100, {"/bin/sh", "sh"}));
  const uint32_t child = put(run, image(51, 50, 200, {"/bin/a", "a"}));
  run.drain->pass();
  run.kill(1);
  CHECK(state_of(run, child) == VTN_SLOT_PRESENT);
  run.kill(0, 9);
  run.drain->pass();
  CHECK(state_of(run, child) == VTN_SLOT_UNUSED);
  CHECK_FALSE(run.drain->pass().processes);
}

TEST_CASE("processes: parents are found through those that left no slot", "[processes]") {
  Recording run;
  put(run, image(50, 1, 100, {"/bin/sh", "sh"}));
  run.kernel.parents = {{80, 70}, {70, 60}, {60, 50}};
  put(run, image(80, 70, 200, {"/bin/ls", "ls"}));
  // A daemon: its parent was gone before it was looked at; it told us itself, at the fork.
  put(run, forked(90, 50, 300));
  run.drain->pass();
  run.kill(0, 0);
  put(run, image(90, 1, 400, {"/bin/d", "d"}));
  run.drain->pass();
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  REQUIRE(tree.processes.size() == 3);
  CHECK(tree.processes[1].parent == 0);
  CHECK(tree.processes[2].parent == 0);
  CHECK(tree.processes[2].images.size() == 2);
}

TEST_CASE("processes: the same pid in another namespace is another process", "[processes]") {
  Recording run;
  put(run, image(50, 1, 100, {"/usr/bin/unshare", "unshare"}));
  FakeSlot inner = image(1, 0, 200, {"/bin/sh", "sh"});
  inner.pid_namespace = 4242;
  put(run, inner);
  FakeSlot child = image(50, 1, 300, {"/bin/ls", "ls"});
  child.pid_namespace = 4242;
  put(run, child);
  run.drain->pass();
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  REQUIRE(tree.processes.size() == 3);
  CHECK(tree.processes[2].parent == 1);
  CHECK(tree.processes[2].own_pid == 50);
  CHECK(tree.processes[0].images.size() == 1);
}

TEST_CASE("processes: the title that one gave itself is kept, its command line is not one",
          "[processes]") {
  Recording run;
  put(run, image(50, 1, 100, {"/usr/bin/python3", "python3", "gunicorn", "app"}));
  put(run, image(51, 1, 101, {"/usr/sbin/nginx", "nginx"}));
  put(run, forked(52, 50, 200));
  run.drain->pass();
  run.kernel.command_lines[0] = std::string("python3\0gunicorn\0app\0", 21);
  run.kernel.command_lines[1] = std::string("nginx: master process\0\0\0", 24);
  run.kernel.command_lines[2] = std::string("gunicorn: worker [app]", 22);
  run.drain->pass();
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  CHECK(tree.processes[0].title.empty());
  CHECK(tree.processes[0].name == "gunicorn");
  CHECK(tree.processes[1].name == "nginx: master process");
  CHECK(tree.processes[2].name == "gunicorn: worker [app]");
}

TEST_CASE("processes: slots that lie do no harm", "[processes]") {
  Recording run;
  const uint32_t full = put(run, image(50, 1, 100, {}));
  ProcessSlot& slot = run.arena.processes[full];
  memset(slot.text, 'x', sizeof(slot.text));  // no NUL anywhere
  slot.text_bytes = 0xffff'ffff;
  slot.start_ticks = UINT64_MAX;
  const uint32_t odd = put(run, image(50, 50, 100, {"a"}));
  run.arena.processes[odd].kind = 77;
  run.arena.processes[odd].state = 99;
  put(run, start(0, 0, 0, {}));
  run.drain->pass();
  run.arena.control->process_high_water = 0xffff'ffff;
  run.drain->pass();
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  CHECK(!tree.processes.empty());
  CHECK(reader->model().images.size() == 2);
  for (const spool::ImageInfo& seen : reader->model().images) {
    CHECK(seen.executable.size() <= VTN_SLOT_TEXT_BYTES);
  }
}

TEST_CASE("processes: an exec of a traced program takes what the old image wrote", "[processes]") {
  Recording run;
  FakeProcess first(run, 50, 100);
  FakeThread thread = first.thread(50);
  thread.enter(150, first.python("before"));  // its chunk is not full
  run.drain->pass();
  run.arena.processes[first.slot()].exec_ticks = 190;
  FakeProcess second(run, 50, 200);
  run.drain->pass();
  CHECK(state_of(run, first.slot()) == VTN_SLOT_UNUSED);
  FakeThread again = second.thread(50);
  again.enter(250, second.python("after"));
  std::unique_ptr<spool::Reader> reader;
  const report::ProcessTree tree = tree_of(run, reader);
  REQUIRE(reader->model().threads.size() == 2);
  CHECK(reader->model().threads[0].calls == 1);
  CHECK(reader->model().threads[1].calls == 1);
  REQUIRE(tree.processes.size() == 1);
  CHECK(tree.processes[0].traced());
  CHECK(tree.processes[0].slices.empty());
  CHECK(spool::totals_of(reader->model()).processes == 1);
}

TEST_CASE("processes: a recovery goes on with the processes that it finds", "[processes]") {
  Recording run;
  put(run, image(50, 1, 100, {"/bin/sh", "sh"}));
  put(run, forked(51, 50, 200));
  run.drain->pass();
  run.kill(1, 0);
  // The collector dies here; a program and an exec come after it.
  put(run, start(52, 50, 300, {"/bin/ls", "ls"}));
  put(run, image(52, 50, 310, {"/bin/ls", "ls"}));
  auto reader = run.reopen();
  auto fd = open_file(run.folder.file("spool"), O_RDWR);
  REQUIRE(fd.has_value());
  const uint64_t end = reader->end_offset();
  auto writer = spool::Writer::resume(std::move(*fd), reader->take_model(), end);
  REQUIRE(writer.has_value());
  FakeKernel kernel;
  kernel.fates[0].died = true;
  collector::Drain drain(run.arena, run.clock, **writer, kernel, true);
  drain.resume();
  drain.take_rest();
  REQUIRE((*writer)->close().has_value());
  reader = run.reopen();
  const report::ProcessTree tree = report::build_process_tree(reader->model());
  REQUIRE(tree.processes.size() == 3);
  CHECK(tree.processes[0].ended);
  CHECK(tree.processes[1].ended);
  CHECK_FALSE(tree.processes[2].ended);
  CHECK(tree.processes[2].parent == 0);
  CHECK(tree.processes[2].starts.size() == 1);
}

}  // namespace vtn::test

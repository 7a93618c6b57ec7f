// SPDX-License-Identifier: Apache-2.0
//
// The process tree as the writers draw it.
#include "report/picture.h"

#include <signal.h>

#include "tests/unit/report/tree_reports.h"

namespace vtn::test {
namespace {

// app.py calls run(), which starts ls by posix_spawn, then forks a child that calls work().
struct Family {
  TreeRecording run;
  Family() {
    const uint32_t app = run.image(
        {.process = 0, .pid = 100, .ticks = 1000, .argv = {"python3", "app.py"}, .python = true});
    const uint32_t f = run.python(app, "run");
    const uint32_t g = run.python(app, "helper");
    run.calls(
        app, 0, 100, {{2000, kEnter, f}, {2100, kEnter, g}, {2200, kLeave, g}, {9000, kLeave, f}});
    run.image({.process = 1, .pid = 101, .ticks = 3500, .argv = {"ls", "-l"}, .parent = 0});
    run.start(1, 0, 100, 3000, {"ls", "-l"}, 101);
    const uint32_t child = run.image({.process = 2,
                                      .pid = 102,
                                      .ticks = 4000,
                                      .parent = 0,
                                      .parent_tid = 100,
                                      .kind = SlotKind::kForked,
                                      .python = true});
    const uint32_t work = run.python(child, "work");
    run.calls(child, 0, 102, {{4100, kEnter, work}, {4200, kLeave, work}});
    run.end(1, 5000, kStatus3);
    run.end(2, 6000, SIGKILL);
    run.end(0, 10000, 0);
  }
};

}  // namespace

TEST_CASE("picture: programs, arrows and the ledger in JSON", "[picture]") {
  Family family;
  auto spool = family.run.read();
  const JsonTree json(family.run, *spool);
  json.check_nesting();

  CHECK(json.named("process_name", 100) == "app.py");
  CHECK(json.named("process_name", 101) == "ls -l");
  CHECK(json.named("thread_name", 101) == "ls");
  CHECK(json.named("thread_name", 102) == "MainThread");
  std::vector<uint64_t> order;
  for (const JsonEvent& event : json.events) {
    if (event.ph == "M") {
      // VizTracer's --compress takes no others.
      CHECK((event.name == "process_name" || event.name == "thread_name"));
    }
    if (event.name == "process_name") {
      order.push_back(event.pid);
    }
  }
  CHECK(order == std::vector<uint64_t>{100, 101, 102});

  const JsonEvent& ls = json.one("X", "ls -l");
  CHECK(ls.cat == "process");
  CHECK(ls.pid == 101);
  CHECK(ls.tid == 101);
  CHECK(ls.start_ns == 3000);
  CHECK(ls.end_ns == 5000);
  CHECK(ls.args["argv"].at(1).get_string().value() == "-l");
  CHECK(ls.args["executable"].get_string().value() == "/bin/ls");
  CHECK(ls.args["exit_status"].get_uint64().value() == 3);

  // The arrow begins at an instant of its own, within the call, and ends within the slice.
  const JsonEvent& started = json.one("i", "start ls -l");
  CHECK(started.pid == 100);
  CHECK(started.tid == 100);
  CHECK(started.start_ns == 3000);
  const JsonEvent& arrow = json.end_of(json.arrow_at(started));
  CHECK(arrow.pid == 101);
  CHECK(arrow.bp == "e");
  CHECK(arrow.start_ns == 3001);
  // To a traced process: to the next call on its thread.
  const JsonEvent& fork = json.one("i", "start app.py (fork)");
  CHECK(fork.start_ns == 4000);
  const JsonEvent& first = json.end_of(json.arrow_at(fork));
  CHECK(first.pid == 102);
  CHECK(first.tid == 102);
  CHECK(first.bp.empty());
  CHECK(first.start_ns <= 4100);
  for (const JsonEvent& event : json.events) {
    CHECK((event.cat != "process" || event.name != "app.py"));  // its calls are there instead
  }

  // How it ended, since no bar tells it; after all that it did.
  const JsonEvent& killed = json.one("i", "killed by SIGKILL");
  CHECK(killed.pid == 102);
  CHECK(killed.tid == 102);
  CHECK(killed.start_ns == 6000);
  CHECK(killed.args["exit"]["signal"].get_uint64().value() == SIGKILL);

  REQUIRE(json.root["viztracer_native"]["processes"].get_array().size() == 3);
  CHECK(json.ledger(0)["traced"].get_bool().value());
  CHECK(json.ledger(0)["parent"].is_null());
  CHECK(json.text(json.ledger(1), "ledger") == "not a CPython");
  CHECK(json.ledger(1)["parent"].get_uint64().value() == 100);
  CHECK(json.ledger(1)["exit"]["status"].get_uint64().value() == 3);
  CHECK(json.ledger(1)["start_ns"].get_uint64().value() == 3000);
  CHECK(json.ledger(1)["end_ns"].get_uint64().value() == 5000);
  CHECK(json.ledger(2)["exit"]["signal"].get_uint64().value() == SIGKILL);
  CHECK(json.text(json.ledger(2)["images"].at(0), "by") == "fork");
}

TEST_CASE("picture: programs, arrows and the ledger in Perfetto", "[picture]") {
  Family family;
  auto spool = family.run.read();
  const PerfettoModel model = perfetto(family.run, *spool);
  CHECK(model.process_infos.at(101).cmdline == std::vector<std::string>{"ls", "-l"});
  CHECK(model.process_infos.at(101).start_ns == 3000);
  CHECK(model.process_infos.at(102).order == 2);

  const PerfettoTrackInfo& ls = model.track_of(101);
  CHECK(ls.name == "ls");
  REQUIRE(ls.slices.size() == 1);
  CHECK(ls.slices[0].name == "ls -l");
  CHECK(ls.slices[0].start_ns == 3000);
  CHECK(ls.slices[0].end_ns == 5000);
  CHECK(ls.slices[0].category == "process");
  CHECK(ls.slices[0].args.at("argv") == "ls -l");
  CHECK(ls.slices[0].args.at("exit_status") == "3");
  const PerfettoTrackInfo& app = model.track_in(100, "process");
  REQUIRE(app.slices.size() == 1);
  CHECK(app.slices[0].name == "app.py");
  CHECK(app.slices[0].args.at("exit_status") == "0");
  CHECK(app.instants.empty());  // it ended well
  const PerfettoTrackInfo& killed = model.track_in(102, "process");
  CHECK(killed.slices[0].args.at("killed_by") == "SIGKILL");
  REQUIRE(killed.instants.size() == 1);
  CHECK(killed.instants[0].name == "killed by SIGKILL");
  CHECK(killed.instants[0].category == "process");
  CHECK(killed.instants[0].start_ns == 6000);

  REQUIRE(model.track_of(100).instants.size() == 2);
  CHECK(model.track_of(100).instants[0].inside == "run (/x.py:1)");
  REQUIRE(model.flows.size() == 2);
  for (const auto& [id, flow] : model.flows) {
    CHECK(flow.from_inside == "run (/x.py:1)");
    CHECK(flow.from_ns == (flow.to == "ls -l" ? 3000 : 4000));
    CHECK((flow.to == "ls -l" || flow.to == "work (/x.py:1)"));  // slices of their threads
    CHECK(flow.from_ns <= flow.to_ns);
  }
  CHECK(model.attributes.at("processes") == "3");
  CHECK(model.attributes.at("processes_traced") == "2");
}

TEST_CASE("picture: a chain of wrappers is one line", "[picture]") {
  TreeRecording run;
  run.image({.process = 0, .pid = 7, .ticks = 1000, .argv = {"sh", "-c", "exec nice x"}});
  run.image({.process = 0, .pid = 7, .ticks = 2000, .argv = {"nice", "python3", "x.py"}});
  const uint32_t x = run.image(
      {.process = 0, .pid = 7, .ticks = 3000, .argv = {"python3", "x.py"}, .python = true});
  const uint32_t f = run.python(x, "f");
  run.calls(x, 0, 7, {{3100, kEnter, f}, {3200, kEnter, f}});
  run.image({.process = 0, .pid = 7, .ticks = 4000, .argv = {"cat", "y"}});
  run.end(0, 5000, 0);
  auto spool = run.read();

  const JsonTree json(run, *spool);
  json.check_nesting();
  CHECK(json.named("process_name", 7) == "x.py");
  CHECK(json.one("X", "sh -c exec nice x").end_ns == 1999);  // readers add two rounded numbers
  CHECK(json.one("X", "nice python3 x.py").start_ns == 2000);
  CHECK(json.one("X", "nice python3 x.py").end_ns == 2999);
  CHECK(json.one("X", "cat y").start_ns == 4000);
  // Calls that the exec cut end before what follows, and say that they did not end themselves.
  size_t cut = 0;
  for (const JsonEvent& event : json.events) {
    CHECK(event.ph != "B");
    if (event.name == "f (/x.py:1)") {
      ++cut;
      CHECK(event.end_ns < 4000);
      CHECK(event.args["unfinished"].get_bool().value());
    }
  }
  CHECK(cut == 2);
  CHECK(json.ledger(0)["images"].get_array().size() == 4);

  const PerfettoModel model = perfetto(run, *spool);
  const PerfettoTrackInfo& traced = model.track_in(7, "process");
  REQUIRE(traced.slices.size() == 1);
  CHECK(traced.slices[0].name == "x.py");
  CHECK(traced.slices[0].args.count("exit_status") == 0);
  const PerfettoTrackInfo& track = model.track_of(7);
  std::vector<std::string> names;
  for (const Slice& slice : track.slices) {
    names.push_back(slice.name);
    CHECK(slice.depth == (names.size() == 4 ? 1 : 0));  // the second call within the first
  }
  CHECK(names ==
        std::vector<std::string>{
            "sh -c exec nice x", "nice python3 x.py", "f (/x.py:1)", "f (/x.py:1)", "cat y"});
  CHECK(track.slices[4].args.at("exit_status") == "0");
  CHECK(traced.open.empty());
  CHECK(track.open.empty());
}

TEST_CASE("picture: the traced programs of an exec chain share their rows", "[picture]") {
  TreeRecording run;
  const auto traced = [&](uint64_t ticks, const char* script) {
    return run.image(
        {.process = 0, .pid = 7, .ticks = ticks, .argv = {"python3", script}, .python = true});
  };
  const uint32_t a = traced(1000, "a.py");
  run.calls(a, 0, 7, {{1100, kEnter, run.python(a, "f")}});  // cut by the exec
  run.calls(a, 1, 8, {{1100, kEnter, run.python(a, "worker")}});
  const uint32_t b = traced(2000, "b.py");
  const uint32_t g = run.python(b, "g");
  run.calls(b, 0, 7, {{2100, kEnter, g}, {2200, kLeave, g}});
  // The same id within one image is another thread all the same.
  const uint32_t h = run.python(b, "h");
  run.calls(b, 1, 9, {{2300, kEnter, h}, {2400, kLeave, h}});
  run.calls(b, 2, 9, {{2500, kEnter, h}, {2600, kLeave, h}});
  run.end(0, 3000, kStatus3);
  auto spool = run.read();
  const PerfettoModel model = perfetto(run, *spool);
  std::map<uint64_t, std::vector<std::string>> rows;  // by thread id
  std::map<uint64_t, int> count;
  for (const auto& [uuid, track] : model.tracks) {
    if (track.tid != 0) {
      ++count[track.tid];
      CHECK(track.open.empty());
      for (const Slice& slice : track.slices) {
        rows[track.tid].push_back(slice.name);
      }
    }
  }
  CHECK(count == std::map<uint64_t, int>{{7, 1}, {8, 1}, {9, 2}});
  CHECK(rows[7] == std::vector<std::string>{"f (/x.py:1)", "g (/x.py:1)"});
  CHECK(model.track_in(7, "process").slices.size() == 2);
  const JsonTree json(run, *spool);
  CHECK(json.one("i", "exit status 3").args["exit"]["status"].get_uint64().value() == 3);
}

TEST_CASE("picture: who is alive at the end is drawn open, and said to be", "[picture]") {
  TreeRecording run;
  const uint32_t app = run.image(
      {.process = 0, .pid = 1, .ticks = 100, .argv = {"python3", "app.py"}, .python = true});
  const uint32_t f = run.python(app, "f");
  run.calls(app, 0, 1, {{200, kEnter, f}, {300, kLeave, f}});
  run.image({.process = 1, .pid = 2, .ticks = 250, .argv = {"sleep", "9"}, .parent = 0});
  run.end(0, 400, 0);
  auto spool = run.read();
  const JsonTree json(run, *spool);
  const JsonEvent& sleep = json.one("B", "sleep 9");
  CHECK(sleep.args["alive_at_end"].get_string().value() == "yes");
  CHECK(json.ledger(1)["alive_at_end"].get_bool().value());
  CHECK(json.ledger(1)["exit"].is_null());
  const PerfettoModel model = perfetto(run, *spool);
  CHECK(model.track_of(2).open.size() == 1);
}

TEST_CASE("picture: calls of a process that was killed end with it", "[picture]") {
  TreeRecording run;
  const uint32_t app = run.image(
      {.process = 0, .pid = 1, .ticks = 100, .argv = {"python3", "app.py"}, .python = true});
  const uint32_t f = run.python(app, "f");
  run.calls(app, 0, 1, {{200, kEnter, f}});
  const uint32_t child = run.image({.process = 1,
                                    .pid = 2,
                                    .ticks = 300,
                                    .parent = 0,
                                    .parent_tid = 1,
                                    .kind = SlotKind::kForked,
                                    .python = true});
  const uint32_t g = run.python(child, "g");
  run.calls(child, 0, 2, {{400, kEnter, g}});
  run.end(1, 500, SIGKILL);
  run.end(0, 1000, SIGKILL);
  auto spool = run.read();
  const JsonTree json(run, *spool);
  const JsonEvent& cut = json.one("X", "g (/x.py:1)");
  CHECK(cut.end_ns > 490);
  CHECK(cut.end_ns <= 500);
  CHECK(cut.args["unfinished"].get_bool().value());
  CHECK(json.one("B", "f (/x.py:1)").start_ns == 200);  // nothing is later
  const PerfettoModel model = perfetto(run, *spool);
  CHECK(model.track_of(2).open.empty());
  CHECK(model.track_of(2).slices[0].args.at("unfinished") == "true");
  CHECK(model.track_of(1).open.size() == 1);
}

TEST_CASE("picture: a pid that was used twice is two processes", "[picture]") {
  TreeRecording run;
  for (uint32_t process = 0; process < 2; ++process) {
    const uint32_t image = run.image({.process = process,
                                      .pid = 7,
                                      .ticks = 100 + process * 1000,
                                      .argv = {"python3", process == 0 ? "a.py" : "b.py"},
                                      .python = true});
    const uint32_t f = run.python(image, process == 0 ? "a" : "b");
    run.calls(image, 0, 7, {{200 + process * 1000, kEnter, f}, {300 + process * 1000, kLeave, f}});
    run.end(process, 400 + process * 1000, 0);
  }
  auto spool = run.read();
  const JsonTree json(run, *spool);
  const JsonEvent& a = json.one("X", "a (/x.py:1)");
  const JsonEvent& b = json.one("X", "b (/x.py:1)");
  CHECK(a.pid == 7);
  CHECK(b.pid == report::kMadeUpPid + 1);
  CHECK(b.tid == b.pid);
  CHECK(json.named("process_name", b.pid) == "b.py");
  CHECK(json.named("thread_name", b.pid) == "MainThread");
  CHECK(json.ledger(1)["system_pid"].get_uint64().value() == 7);
  const PerfettoModel model = perfetto(run, *spool);
  CHECK(model.processes.at(7) == "a.py");
  CHECK(model.processes.at(report::kMadeUpPid + 1) == "b.py");
  CHECK(model.track_of(report::kMadeUpPid + 1).slices.size() == 1);
}

TEST_CASE("picture: a process in a pid namespace has the outer pid", "[picture]") {
  TreeRecording run;
  const uint32_t image = run.image({.process = 0,
                                    .pid = 5000,
                                    .ticks = 100,
                                    .argv = {"python3", "a.py"},
                                    .python = true,
                                    .own_pid = 1});
  const uint32_t f = run.python(image, "f");
  run.calls(image, 0, 1, {{200, kEnter, f}, {300, kLeave, f}});
  run.calls(image, 1, 9, {{200, kEnter, f}, {300, kLeave, f}});
  run.end(0, 400, 0);
  auto spool = run.read();
  const JsonTree json(run, *spool);
  CHECK(json.named("thread_name", 5000) == "MainThread");
  CHECK(json.ledger(0)["own_pid"].get_uint64().value() == 1);
  std::vector<uint64_t> tids;
  for (const JsonEvent& event : json.events) {
    if (event.ph == "X") {
      CHECK(event.pid == 5000);
      tids.push_back(event.tid);
    }
  }
  CHECK(tids == std::vector<uint64_t>{5000, 9});
}

TEST_CASE("picture: Python only leaves the others out, but not of the ledger", "[picture]") {
  TreeRecording run;
  const uint32_t app = run.image(
      {.process = 0, .pid = 1, .ticks = 100, .argv = {"python3", "app.py"}, .python = true});
  const uint32_t f = run.python(app, "f");
  run.calls(app, 0, 1, {{200, kEnter, f}, {900, kLeave, f}});
  run.image({.process = 1, .pid = 2, .ticks = 350, .argv = {"sh", "-c", "x"}, .parent = 0});
  run.start(1, 0, 1, 300, {"sh", "-c", "x"}, 2);
  const uint32_t child = run.image({.process = 2,
                                    .pid = 3,
                                    .ticks = 500,
                                    .argv = {"python3", "child.py"},
                                    .parent = 1,
                                    .python = true});
  const uint32_t g = run.python(child, "g");
  run.calls(child, 0, 3, {{600, kEnter, g}, {700, kLeave, g}});
  run.end(2, 750, 0);
  run.end(1, 800, 0);
  run.end(0, 1000, 0);
  auto spool = run.read();
  const JsonTree json(run, *spool, true);
  for (const JsonEvent& event : json.events) {
    CHECK(event.pid != 2);
  }
  CHECK(json.root["viztracer_native"]["processes"].get_array().size() == 3);
  // The arrow comes from where the one in between was started.
  const JsonEvent& started = json.one("i", "start child.py");
  CHECK(started.pid == 1);
  CHECK(started.start_ns == 300);
  CHECK(json.end_of(json.arrow_at(started)).pid == 3);
  const PerfettoModel model = perfetto(run, *spool, true);
  CHECK(model.processes.count(2) == 0);
  CHECK(model.attributes.at("processes_not_shown") == "1");
}

TEST_CASE("picture: a Python that was not traced is a slice with the reason", "[picture]") {
  TreeRecording run;
  const uint32_t app = run.image(
      {.process = 0, .pid = 1, .ticks = 100, .argv = {"python3", "app.py"}, .python = true});
  const uint32_t f = run.python(app, "f");
  run.calls(app, 0, 1, {{200, kEnter, f}, {900, kLeave, f}});
  run.start(1, 0, 1, 300, {"python2", "old.py"}, 2, UntracedReason::kStatic);
  run.end(1, 600, 0);
  run.end(0, 1000, 0);
  auto spool = run.read();
  const JsonTree json(run, *spool);
  const JsonEvent& old = json.one("X", "old.py");
  CHECK(old.args["untraced"].get_string().value() ==
        report::untraced_text(UntracedReason::kStatic));
  CHECK(!json.ledger(1)["traced"].get_bool().value());
  CHECK(json.text(json.ledger(1), "ledger").starts_with("untraced: "));
  const PerfettoModel model = perfetto(run, *spool);
  CHECK(model.attributes.at("process 2").starts_with("old.py: untraced: "));
}

TEST_CASE("picture: an arrow to a traced program without a call leads to its main line",
          "[picture]") {
  TreeRecording run;
  const uint32_t app = run.image(
      {.process = 0, .pid = 1, .ticks = 100, .argv = {"python3", "app.py"}, .python = true});
  const uint32_t f = run.python(app, "f");
  run.calls(app, 0, 1, {{200, kEnter, f}, {900, kLeave, f}});
  const uint32_t child = run.image({.process = 1,
                                    .pid = 2,
                                    .ticks = 300,
                                    .argv = {"python3", "empty.py"},
                                    .parent = 0,
                                    .parent_tid = 1,
                                    .python = true});
  (void)run.python(child, "never_called");  // traced: it has said a name
  run.end(1, 500, kStatus3);
  run.end(0, 1000, 0);
  auto spool = run.read();
  const PerfettoModel model = perfetto(run, *spool);
  const PerfettoTrackInfo& line = model.track_of(2);
  REQUIRE(line.slices.size() == 1);
  CHECK(line.slices[0].name == "empty.py");
  CHECK(line.slices[0].end_ns == 500);
  REQUIRE(model.flows.size() == 1);
  CHECK(model.flows.begin()->second.to == "empty.py");
}

TEST_CASE("picture: what is started from a very deep call has an arrow of its own line",
          "[picture]") {
  TreeRecording run;
  const uint32_t app = run.image(
      {.process = 0, .pid = 1, .ticks = 10, .argv = {"python3", "app.py"}, .python = true});
  const uint32_t f = run.python(app, "f");
  std::vector<TreeRecording::Call> calls;
  uint64_t ticks = 100;
  for (int i = 0; i < 600; ++i) {
    calls.push_back({ticks++, kEnter, f});
  }
  ticks = 5000;
  for (int i = 0; i < 600; ++i) {
    calls.push_back({ticks++, kLeave, f});
  }
  run.calls(app, 0, 1, calls);
  run.image({.process = 1, .pid = 2, .ticks = 3000, .argv = {"ls"}, .parent = 0, .parent_tid = 1});
  run.image({.process = 2, .pid = 3, .ticks = 3100, .argv = {"cat"}, .parent = 0});  // by whom?
  run.end(1, 4000, 0);
  run.end(2, 4100, 0);
  run.end(0, 6000, 0);
  auto spool = run.read();
  const JsonTree json(run, *spool);
  const JsonEvent& started = json.one("i", "start ls");
  CHECK(started.pid == 1);
  CHECK(started.tid >= 0x5000'0000);
  CHECK(json.end_of(json.arrow_at(started)).pid == 2);
  CHECK(json.one("i", "start cat").tid == started.tid);
  const PerfettoModel model = perfetto(run, *spool);
  size_t found = 0;
  for (const auto& [uuid, track] : model.tracks) {
    if (track.name == "processes started") {
      ++found;
      CHECK(track.instants.size() == 2);
      CHECK(model.tracks.at(track.parent).tid == 1);  // of the thread that started it
    }
  }
  CHECK(found == 1);
}

}  // namespace vtn::test

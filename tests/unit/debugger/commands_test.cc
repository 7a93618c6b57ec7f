// SPDX-License-Identifier: Apache-2.0
//
// What is typed, and what is answered.
#include "debugger/commands.h"

#include <sys/stat.h>

#include "tests/unit/debugger/naive_thread.h"

namespace vtn::test {
namespace {

using debugger::Debugger;

constexpr auto kLine = static_cast<uint32_t>(NoteKind::kCallerLine);
constexpr auto kArguments = static_cast<uint32_t>(NoteKind::kArguments);
constexpr auto kReturnValue = static_cast<uint32_t>(NoteKind::kReturnValue);

// main calls f(1) and f(2) from lines 2 and 3; f calls len. Another thread is in "wait" all along.
struct Example {
  Recording run;
  std::unique_ptr<debugger::Recording> recording;
  std::unique_ptr<Debugger> debugger;

  Example() {
    const std::string file = run.folder.file("x.py");
    REQUIRE(
        write_all(create_file(file).get(),
                  "def main():\n    f(1)\n    f(2)\n\n\ndef f(n):\n    return len(n)\n\n\nmain()\n")
            .has_value());
    const timespec long_ago[2] = {{1, 0}, {1, 0}};
    REQUIRE(utimensat(AT_FDCWD, file.c_str(), long_ago, 0) == 0);
    FakeProcess process(run, 100, 1000);
    process.describe("/usr/bin/python3", run.folder.path(), {"python3", "x.py"});
    const uint32_t main = process.python("main", "x.py", 1);
    const uint32_t f = process.python("f", "x.py", 6);
    const uint32_t len = process.c("builtins.len");
    const uint32_t wait = process.python("evil\x1b[2J\nname", "nowhere.py", 3);
    const uint32_t count = process.function(FunctionKind::kCounter, "count");
    const uint32_t x = process.function(FunctionKind::kInstant, "x", "variable");
    FakeThread thread = process.thread(100);
    FakeThread other = process.thread(101);
    other.enter(2050, wait);
    other.finish();
    thread.enter(2000, main);
    uint64_t now = 3000;
    for (uint32_t i = 0; i < 2; ++i) {
      thread.note(now - 1, kLine, 2 + i);
      thread.note(now - 1, kArguments, 1, int_value(i + 1));
      thread.enter(now, f);
      thread.mark(now + 50, NoteKind::kInstant, x, own_value(10 + i));
      thread.mark(now + 60, NoteKind::kCounter, count, own_value(20 + i));
      thread.enter(now + 100, len);
      thread.leave(now + 150, len);
      thread.note(now + 199, kReturnValue, 0, int_value(71 + i));
      thread.leave(now + 200, f);
      if (i == 0) {
        thread.finish();
      }
      now += 2000;
    }
    thread.unwind(7000, main);
    thread.finish();
    auto made = debugger::Recording::of(run.read());
    REQUIRE(made.has_value());
    recording = std::move(*made);
    debugger = std::make_unique<Debugger>(*recording);
  }

  std::string ask(const std::string& line) {
    const Debugger::Answer answer = debugger->answer(line);
    INFO(line << ": " << answer.text);
    CHECK_FALSE(answer.failed);
    return answer.text;
  }
  std::string refused(const std::string& line) {
    const Debugger::Answer answer = debugger->answer(line);
    INFO(line << ": " << answer.text);
    CHECK(answer.failed);
    CHECK(std::count(answer.text.begin(), answer.text.end(), '\n') == 1);
    return answer.text;
  }
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("debugger: a session, step by step", "[debugger]") {
  Example example;
  CHECK(example.ask("t") == "0 ns\n");
  CHECK(example.ask("s") ==
        "#1.1 main (x.py:1), depth 1, at 1.000 us\n"
        "  before: it begins\n"
        "  next:   f (x.py:6), from line 2\n"
        "> 2  f(1)\n");
  CHECK(example.ask("step") ==
        "#1.2 f (x.py:6), depth 2, at 2.000 us\n"
        "  before: it begins, with argument 1=1\n"
        "  next:   builtins.len\n"
        "> 6  def f(n):\n");
  CHECK(example.ask("n") ==
        "#1.2 f (x.py:6), depth 2, at 2.150 us\n"
        "  before: #1.3 builtins.len returned, took 50 ns\n"
        "  next:   it returns\n"
        "> 6  def f(n):\n");
  CHECK(example.ask("r") ==
        "#1.1 main (x.py:1), depth 1, at 2.200 us\n"
        "  before: #1.2 f (x.py:6) returned 71, took 200 ns\n"
        "  next:   f (x.py:6), from line 3\n"
        "> 3  f(2)\n");
  CHECK(holds(example.ask("nb"), "at 1.000 us\n"));
  CHECK(holds(example.ask("rb"), "thread 1, no call is open, at 0 ns\n"));
  CHECK(example.refused("sb") == "at the beginning of the trace\n");
  CHECK(example.refused("nb") == "at the beginning of the trace\n");
  CHECK(example.refused("rb") == "at the beginning of the trace\n");
  CHECK(holds(example.ask("n"), "#1.1 main (x.py:1) was left by an exception, or yielded, took"));
  CHECK(example.refused("s") == "at the end of the trace\n");
  CHECK(example.refused("n") == "at the end of the trace\n");
  CHECK(example.refused("r") == "at the end of the trace\n");
  CHECK(example.ask("sb 4").starts_with("#1.4 f (x.py:6), depth 2, at 4.000 us\n"));
  CHECK(holds(example.ask("sb 100"), "at the beginning of the trace\n"));
  CHECK(holds(example.ask("s 100"), "at the end of the trace\n"));
}

TEST_CASE("debugger: where no call is open there is nothing to look at", "[debugger]") {
  Example example;
  CHECK(example.ask("where") == "no call is open here\n");
  CHECK(example.refused("args") == "no call is open here\n");
  CHECK(example.refused("list") == "no call is open here\n");
  CHECK(example.refused("u") == "No outer frame anymore\n");
}

TEST_CASE("debugger: looking at outer calls", "[debugger]") {
  Example example;
  (void)example.ask("jump #1.5");
  CHECK(example.ask("w") ==
        "  #1.1 main (x.py:1), line 3, since 1.000 us\n"
        "  #1.4 f (x.py:6), since 4.000 us\n"
        "> #1.5 builtins.len, since 4.100 us\n");
  CHECK(example.ask("w 1") ==
        "  ... 2 calls around these\n"
        "> #1.5 builtins.len, since 4.100 us\n");
  CHECK(example.ask("list") == "> #1.5 builtins.len\n");
  CHECK(example.refused("d") == "Already at current frame\n");
  CHECK(holds(example.ask("u"), "#1.4 f (x.py:6), depth 2"));
  CHECK(example.ask("args") == "argument 1 = 2\nreturns 72\n");
  CHECK(example.ask("a") == example.ask("arg"));
  CHECK(holds(example.ask("u 7"), "#1.1 main (x.py:1), depth 1"));
  CHECK(holds(example.ask("w"), "> #1.1 main"));
  CHECK(example.refused("u") == "No outer frame anymore\n");
  CHECK(example.ask("args") == "no values were recorded of this call\n");
  CHECK(example.ask("l") ==
        "      1  def main():\n"
        "      2      f(1)\n"
        ">     3      f(2)\n"
        "      4  \n"
        "      5  \n"
        "      6  def f(n):\n"
        "      7      return len(n)\n"
        "      8  \n");
  CHECK(example.ask("ll") ==
        "      1  def main():\n"
        "      2      f(1)\n"
        ">     3      f(2)\n");
  CHECK(holds(example.ask("l 99"), "> Not able to locate the source of main"));
  CHECK(example.ask("call") ==
        "#1.1 main (x.py:1)\n"
        "  began      1.000 us\n"
        "  ended      6.000 us, by an exception, or it yielded\n"
        "  took       5.000 us\n"
        "  made       4 calls, with those that they made\n");
  CHECK(holds(example.ask("d"), "#1.4 f"));
  CHECK(holds(example.ask("r"), "before: #1.4 f (x.py:6) returned 72"));
  (void)example.ask("jump #1.5");
  (void)example.ask("u 2");
  CHECK(holds(example.ask("r"), "#1.1 main (x.py:1) was left"));
}

TEST_CASE("debugger: the tree of calls", "[debugger]") {
  Example example;
  const std::string whole =
      "#1.1 main (x.py:1), 5.000 us\n"
      "  #1.2 f (x.py:6), 200 ns\n"
      "    #1.3 builtins.len, 50 ns\n"
      "  #1.4 f (x.py:6), 200 ns\n"
      "    #1.5 builtins.len, 50 ns\n";
  (void)example.ask("s");
  CHECK(example.ask("tree") == whole);
  CHECK(example.ask("tree 1") ==
        "#1.1 main (x.py:1), 5.000 us\n"
        "  #1.2 f (x.py:6), 200 ns\n"
        "  #1.4 f (x.py:6), 200 ns\n");
  CHECK(example.ask("tree 9 2") ==
        "#1.1 main (x.py:1), 5.000 us\n"
        "  #1.2 f (x.py:6), 200 ns\n"
        "... it goes on with #1.3 ('tree DEPTH LINES' shows more)\n");
  (void)example.ask("jump start");
  CHECK(example.ask("tree") == whole);
  CHECK(holds(example.refused("tree x"), "tree takes a number from 1 on, not 'x'"));
}

TEST_CASE("debugger: breakpoints and values", "[debugger]") {
  Example example;
  CHECK(example.refused("c") == "no breakpoints: 'break FUNCTION' sets one\n");
  CHECK(holds(example.refused("break nobody"), "No such function: nobody"));
  CHECK(holds(example.refused("break x.py:x"), "has no number behind its colon"));
  CHECK(example.ask("b") == "no breakpoints\n");
  CHECK(example.ask("break len") == "breakpoint 1 at len\n");
  CHECK(example.ask("b x.py:7") == "breakpoint 2 at x.py:7\n");
  CHECK(example.ask("b len") == "breakpoint 1 at len\n");
  CHECK(example.ask("break") == "breakpoint 1 at len\nbreakpoint 2 at x.py:7\n");
  CHECK(example.ask("c").starts_with("breakpoint 2 at x.py:7\n#1.2 f"));
  CHECK(example.ask("c").starts_with("breakpoint 1 at len\n#1.3 builtins.len"));
  CHECK(example.ask("continue 2").starts_with("breakpoint 1 at len\n#1.5 builtins.len"));
  CHECK(example.ask("c").starts_with("at the end of the trace\n"));
  CHECK(example.refused("c") == "at the end of the trace\n");
  CHECK(example.ask("rc 3").starts_with("breakpoint 1 at len\n#1.3 builtins.len"));
  CHECK(example.ask("delete 1") == "breakpoint 1 deleted\n");
  CHECK(example.refused("delete 1") == "No such breakpoint: 1\n");
  CHECK(example.ask("rc").starts_with("breakpoint 2 at x.py:7\n#1.2 f"));
  CHECK(example.ask("rc").starts_with("at the beginning of the trace\n"));
  CHECK(example.ask("delete") == "1 breakpoints deleted\n");
  CHECK(example.refused("find") ==
        "find takes a text: that of an argument or a return value, or of a part of it\n");
  CHECK(holds(example.ask("find 7"), "#1.2 f (x.py:6) returned 71"));
  CHECK(holds(example.ask("find"), "#1.4 f (x.py:6) returned 72"));
  CHECK(holds(example.ask("fb"), "#1.2 f (x.py:6) returned 71"));
  CHECK(holds(example.ask("f 2"), "it begins, with argument 1=2"));
  CHECK(holds(example.ask("f nothing of it"), "at the end of the trace\n"));
  CHECK(holds(example.refused("longest nobody"), "No such function"));
  CHECK(example.ask("longest f")
            .starts_with("  #1.2         200 ns, at 2.000 us\n"
                         "  #1.4         200 ns, at 4.000 us\n#1.2 f"));
}

TEST_CASE("debugger: jumps by time and call", "[debugger]") {
  Example example;
  CHECK(holds(example.ask("jump 2us"), "#1.2 f (x.py:6), depth 2, at 2.000 us\n"));
  CHECK(holds(example.ask("t 1.999"), "#1.1 main (x.py:1), depth 1, at 1.999 us\n"));
  CHECK(holds(example.ask("j +1 ns"), "#1.2 f (x.py:6), depth 2, at 2.000 us\n"));
  CHECK(holds(example.ask("j -1us"), "#1.1 main (x.py:1), depth 1, at 1.000 us\n"));
  CHECK(holds(example.ask("j -1s"), "at 0 ns\n"));
  CHECK(holds(example.ask("j 500s"), "thread 1, no call is open, at "));
  CHECK(holds(example.ask("jump start"), "at 0 ns\n"));
  CHECK(holds(example.ask("jump end"), "next:   the end of the trace\n"));
  CHECK(holds(example.ask("jump #2.1"), "depth 1"));
  CHECK(holds(example.ask("jump #1"), "#2.1"));
  CHECK(holds(example.refused("jump #2"), "No such call: #2 (thread 2 has #1 to #1)"));
  CHECK(holds(example.refused("jump #3.1"), "No such thread: #3.1"));
  for (const char* line : {"jump #",
                           "jump #0",
                           "jump #x",
                           "jump #1.",
                           "jump #.1",
                           "jump #1.x",
                           "jump #99999999999999999999999",
                           "jump",
                           "jump soon"}) {
    (void)example.refused(line);
  }
  CHECK(holds(example.refused("t now"), "t takes 1 or no argument: 'now' is no time"));
  (void)example.ask("jump #1.1");
  CHECK(holds(example.ask("until"), "next:   f (x.py:6), from line 3\n"));
  CHECK(holds(example.ask("until"), "#1.1 main (x.py:1) was left"));
}

TEST_CASE("debugger: threads and processes, at the same time", "[debugger]") {
  Example example;
  (void)example.ask("jump #1.4");
  const std::string threads = example.ask("threads");
  CHECK(holds(threads, ">   1  pid 100 x.py, tid 100 MainThread: 5 calls, "));
  CHECK(holds(threads, "    2  pid 100 x.py, tid 101 thread 101: 1 calls, "));
  CHECK(example.ask("tid") == threads);
  // A name is no instruction to the terminal.
  CHECK(
      holds(example.ask("thread 2"), "#2.1 evil [2J name (nowhere.py:3), depth 1, at 4.000 us\n"));
  CHECK(holds(example.ask("l"), "> Not able to locate the source of evil [2J name"));
  CHECK(holds(example.ask("call"), "  ended      never, as far as this was recorded\n"));
  CHECK(holds(example.ask("tid 100"), "#1.4 f (x.py:6), depth 2, at 4.000 us\n"));
  CHECK(example.refused("tid 7") == "No such tid: 7\n");
  CHECK(example.refused("tid x") == "tid needs to be an integer\n");
  CHECK(holds(example.ask("thread thread 101"), "#2.1"));
  CHECK(holds(example.refused("thread 3"), "No such thread: 3"));
  CHECK(example.ask("processes") == "> pid 100 x.py: 6 calls of 2 threads\n");
  CHECK(example.ask("pid") == "> pid 100 x.py: 6 calls of 2 threads\n");
  CHECK(holds(example.ask("pid 100"), "#1.4 f"));
  CHECK(example.refused("pid 7") == "No such pid: 7\n");
  CHECK(example.refused("pid x") == "pid needs to be an integer\n");
}

TEST_CASE("debugger: marks, counters and variables", "[debugger]") {
  Example example;
  CHECK(example.ask("marks") == "no marks so far\n");
  CHECK(example.ask("counter") == "no counters so far\n");
  CHECK(example.ask("object") == "no variables so far\n");
  (void)example.ask("jump 2.055us");
  CHECK(example.ask("marks") == "x = 10, at 2.050 us\n");
  CHECK(example.ask("counter") == "no counters so far\n");
  (void)example.ask("jump end");
  CHECK(example.ask("marks 3") ==
        "count = 20, at 2.060 us\nx = 11, at 4.050 us\ncount = 21, at 4.060 us\n");
  CHECK(example.ask("counter") == "count = 21, at 4.060 us\n");
  CHECK(example.ask("object") == "x = 11, at 4.050 us\n");
  (void)example.ask("thread 2");
  CHECK(example.ask("marks") == "no marks so far\n");
  CHECK(example.ask("counter") == "count = 21, at 4.060 us\n");
  const std::string info = example.ask("info");
  CHECK(holds(info, "  calls      6, of 2 threads in 1 of 1 processes\n"));
}

TEST_CASE("debugger: words", "[debugger]") {
  Example example;
  CHECK(example.refused("bogus \x1b\xff") ==
        "Invalid command: bogus ('help' lists those there are)\n");
  CHECK(example.ask("").empty());
  CHECK(example.ask("   \t ").empty());
  CHECK(example.ask("# a comment").empty());
  CHECK(holds(example.ask("  help   step "), "step, s [COUNT]"));
  CHECK(holds(example.refused("help bogus"), "Invalid command: bogus"));
  const std::string help = example.ask("help");
  for (const debugger::CommandGroup& group : debugger::command_groups()) {
    for (const debugger::Command& command : group.commands) {
      CHECK(holds(help, debugger::help_of_command(command)));
      for (const std::string_view name : debugger::names_of(command)) {
        CHECK(debugger::command_named(name) == &command);
      }
    }
  }
  for (const char* line : {"s 0", "s -1", "s x", "n 99999999999999", "where x", "s 1 2"}) {
    (void)example.refused(line);
  }
  using Words = std::vector<std::string>;
  CHECK(example.debugger->completions("ste") == Words{"step", "stepback"});
  CHECK(example.debugger->completions("break ma") == Words{"main"});
  CHECK(example.debugger->completions("help  jum") == Words{"jump"});
  CHECK(example.debugger->completions("step ma").empty());
  CHECK(example.debugger->completions("break e") == Words{"evil [2J name"});
  const Debugger::Answer answer = example.debugger->answer("exit");
  CHECK(answer.quit);
  CHECK_FALSE(answer.failed);
}

TEST_CASE("debugger: a damaged frame is one line, and no move", "[debugger]") {
  Example example;
  const std::vector<uint32_t>& frames =
      example.recording->frames_of(example.recording->threads().front());
  REQUIRE(frames.size() == 2);
  const spool::FrameInfo& second = example.recording->model().frames[frames.back()];
  const UniqueFd file = open_file(example.run.folder.file("spool"), O_WRONLY).value();
  const std::string garbage(second.body_bytes, '\xff');
  REQUIRE(pwrite(file.get(),
                 garbage.data(),
                 garbage.size(),
                 static_cast<off_t>(second.offset + sizeof(spool::FrameHead))) ==
          static_cast<ssize_t>(garbage.size()));
  (void)example.ask("s");
  CHECK(holds(example.refused("n 2"), "is damaged at offset " + std::to_string(second.offset)));
  CHECK(holds(example.refused("jump #4"), "is damaged at offset"));
  CHECK(example.ask("t") == "1.000 us\n");
  CHECK(holds(example.ask("s"), "#1.2 f"));
}

TEST_CASE("debugger: what takes long can be given up", "[debugger]") {
  Example example;
  (void)example.ask("break len");
  example.recording->given_up = [] { return true; };
  CHECK(example.refused("c") == "interrupted\n");
  example.recording->given_up = nullptr;
  CHECK(example.ask("c").starts_with("breakpoint 1 at len\n#1.3"));
}

}  // namespace vtn::test

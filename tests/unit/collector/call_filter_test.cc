// SPDX-License-Identifier: Apache-2.0
//
// What limits leave out, and what is known of it.
#include <random>
#include <tuple>
#include <vector>

#include "report/left_out.h"
#include "tests/support/recording.h"
#include "tests/support/replayed.h"

namespace vtn::test {

namespace {

constexpr uint64_t kArena = uint64_t{16} << 20;

session::CallLimits at_least(uint64_t ns) {
  session::CallLimits limits;
  limits.min_duration_ns = ns;
  return limits;
}

session::CallLimits at_most(uint32_t depth) {
  session::CallLimits limits;
  limits.max_stack_depth = depth;
  return limits;
}

session::CallLimits excluding() {
  session::CallLimits limits;
  limits.excludes_subtrees = true;
  return limits;
}

// "name calls/ticks", by name.
std::string left_out(const spool::Reader& spool) {
  const spool::Model& model = spool.model();
  const spool::ClockMap clock(ClockKind::kMonotonic, {});
  std::map<std::string, std::string> lines;
  for (const report::LeftOutFunction& one : report::left_out_of(model, clock).limited) {
    lines[one.function->name] = std::to_string(one.calls) + "/" + std::to_string(one.total_ns);
  }
  std::string text;
  for (const auto& [name, line] : lines) {
    text += (text.empty() ? "" : " ") + name + " " + line;
  }
  return text;
}

}  // namespace

TEST_CASE("call filter: calls that are over too soon are counted", "[call_filter]") {
  Recording run(kArena, ClockKind::kMonotonic, at_least(100));
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");  // 16
  const uint32_t b = process.python("b");  // 17
  FakeThread thread = process.thread(1);
  thread.enter(1000, a);
  thread.enter(1010, b);
  thread.leave(1050, b);
  thread.enter(1060, b);
  thread.leave(1159, b);
  thread.enter(1200, b);
  thread.leave(1300, b);
  thread.unwind(1400, a);
  thread.enter(1500, a);
  thread.leave(1510, a);
  auto spool = run.read();
  CHECK(replay(*spool) == "+16@1000 +17@1200 -@1300 ^@1400");
  CHECK(left_out(*spool) == "a 1/10 b 2/139");
  CHECK(spool->model().threads.at(0).stray_ends == 0);
}

TEST_CASE("call filter: what is not over yet at the end of a chunk is waited for",
          "[call_filter]") {
  Recording run(kArena, ClockKind::kMonotonic, at_least(100));
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  const uint32_t b = process.python("b");
  FakeThread thread = process.thread(1);
  thread.enter(1000, a);
  thread.enter(1080, b);
  thread.finish();
  run.drain->pass();
  thread.leave(1090, b);
  thread.enter(1095, b);
  thread.finish();
  run.drain->pass();
  thread.leave(1300, b);
  thread.leave(1310, a);
  auto spool = run.read();
  CHECK(replay(*spool) == "+16@1000 +17@1095 -@1300 -@1310");
  CHECK(left_out(*spool) == "b 1/10");
}

TEST_CASE("call filter: at the end, what is open is there if it lasted", "[call_filter]") {
  Recording run(kArena, ClockKind::kMonotonic, at_least(100));
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  const uint32_t b = process.python("b");
  FakeThread thread = process.thread(1);
  thread.enter(1000, a);
  thread.enter(1010, b);
  run.kernel.fates[0].died = true;
  run.kernel.fates[0].end_ticks = 1105;  // b has had 95 then
  run.drain->processes_died({0});
  run.drain->pass();
  run.drain->pass();
  auto spool = run.read();
  CHECK(replay(*spool) == "+16@1000");
  CHECK(spool->model().threads.at(0).open.size() == 1);
  CHECK(left_out(*spool) == "b 1/95");
}

TEST_CASE("call filter: what lies too deep is left out with all below it", "[call_filter]") {
  Recording run(kArena, ClockKind::kMonotonic, at_most(2));
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  const uint32_t b = process.python("b");
  const uint32_t c = process.c("c");
  FakeThread thread = process.thread(1);
  thread.enter(1000, a);
  thread.enter(1010, b);
  thread.enter(1020, c);
  thread.leave(1030, c);
  thread.enter(1040, a);
  thread.finish();
  run.drain->pass();
  thread.enter(1050, b);
  thread.leave(1060, b);
  thread.leave(1070, a);
  thread.leave(1080, b);
  thread.enter(1090, c);
  thread.leave(1100, c);
  thread.leave(1110, a);
  auto spool = run.read();
  CHECK(replay(*spool) == "+16@1000 +17@1010 -@1080 +18@1090 -@1100 -@1110");
  CHECK(left_out(*spool) == "a 1/30 b 1/10 c 1/10");
}

TEST_CASE("call filter: an excluded call takes what is below it along", "[call_filter]") {
  Recording run(kArena, ClockKind::kMonotonic, excluding());
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  const uint32_t x =
      process.function(FunctionKind::kPython, "x", "/x.py", 1, kFunctionExcludesSubtree);
  const uint32_t c = process.function(FunctionKind::kC, "c", "", 0, kFunctionExcludesSubtree);
  FakeThread thread = process.thread(1);
  thread.enter(1000, a);
  thread.enter(1010, x);
  thread.enter(1020, a);
  thread.enter(1030, x);
  thread.leave(1040, kIdAnyPython);
  thread.leave(1050, kIdAnyPython);
  thread.leave(1060, kIdAnyPython);
  thread.enter(1070, c);
  thread.enter(1080, a);
  thread.leave(1090, kIdAnyPython);
  thread.leave(1100, c);
  thread.enter(1110, a);
  thread.leave(1120, kIdAnyPython);
  thread.leave(1130, kIdAnyPython);
  auto spool = run.read();
  CHECK(replay(*spool) == "+16@1000 +16@1110 -@1120 -@1130");
  CHECK(left_out(*spool) == "a 2/40 c 1/30 x 2/60");
}

TEST_CASE("call filter: ends too many and stacks that interleave", "[call_filter]") {
  Recording run(kArena, ClockKind::kMonotonic, excluding());
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  const uint32_t x =
      process.function(FunctionKind::kPython, "x", "/x.py", 1, kFunctionExcludesSubtree);
  const uint32_t b = process.python("b");
  FakeThread thread = process.thread(1);
  thread.leave(990, b);  // nothing is open
  thread.enter(1000, a);
  thread.enter(1010, x);
  thread.enter(1020, b);
  thread.leave(1030, a);  // of another greenlet: x and b never end here
  thread.leave(1040, b);
  thread.leave(1050, x);
  thread.enter(1060, b);
  thread.leave(1070, b);
  auto spool = run.read();
  CHECK(replay(*spool) == "+16@1000 -@1030 +18@1060 -@1070");
  CHECK(spool->model().threads.at(0).stray_ends == 3);
}

TEST_CASE("call filter: a gap ends what is open, the rest of a pause is known", "[call_filter]") {
  Recording run(kArena, ClockKind::kMonotonic, at_least(100));
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  FakeThread thread = process.thread(1);
  thread.enter(1000, a);
  thread.enter(1050, a);
  thread.opcode(1120, Opcode::kGap, {0, static_cast<uint64_t>(GapReason::kPaused)});
  thread.enter(1300, a);
  thread.leave(1500, a);
  thread.opcode(1600, Opcode::kThreadEnd);
  auto spool = run.read();
  CHECK(replay(*spool) == "+16@1000 ^@1120 gap0@1121 -@1122 +16@1300 -@1500");
  CHECK(left_out(*spool) == "a 1/70");
}

TEST_CASE("call filter: notes of lines stay with their calls", "[call_filter]") {
  Recording run(kArena, ClockKind::kMonotonic, at_least(100));
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  const uint32_t b = process.python("b");
  constexpr auto kLine = static_cast<uint32_t>(NoteKind::kCallerLine);
  FakeThread thread = process.thread(1);
  thread.note(1000, kLine, 5);
  thread.enter(1000, a);
  thread.note(1010, kLine, 7);
  thread.enter(1010, b);  // too short, but the next one is from the same line
  thread.leave(1020, b);
  thread.enter(1030, b);
  thread.leave(1200, b);
  thread.note(1210, kLine, 8);
  thread.enter(1210, b);
  thread.leave(1215, b);
  thread.note(1216, 1, 0, "new name");
  thread.enter(1220, b);
  thread.leave(1400, b);
  thread.leave(1500, a);
  auto spool = run.read();
  CHECK(replay<NoteSink>(*spool) ==
        "[2 5 ]@1000 +16@1000 [2 7 ]@1030 +17@1030 -@1200 [1 0 new name]@1220 [2 8 ]@1220 +17@1220 "
        "-@1400 -@1500");
}

TEST_CASE("call filter: values stay with their calls", "[call_filter]") {
  constexpr auto kTold = static_cast<uint32_t>(NoteKind::kArguments);
  constexpr auto kReturned = static_cast<uint32_t>(NoteKind::kReturnValue);
  Recording run(kArena, ClockKind::kMonotonic, at_least(100));
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  const uint32_t b = process.python("b");
  FakeThread thread = process.thread(1);
  thread.note(1000, kTold, 1, "long");
  thread.enter(1000, a);
  thread.note(1010, kTold, 1, "short");
  thread.enter(1010, b);
  thread.note(1020, kReturned, 0, "s");
  thread.leave(1020, b);
  thread.note(1030, kTold, 1, "later");
  thread.enter(1030, b);
  thread.finish();
  run.drain->pass();
  thread.note(1200, kReturned, 0, "r");
  thread.leave(1200, b);
  thread.note(1250, kReturned, 0, "of nobody");
  thread.leave(1250, b);
  thread.leave(1300, a);
  auto spool = run.read();
  CHECK(replay<NoteSink>(*spool) ==
        "[3 1 long]@1000 +16@1000 [3 1 later]@1030 +17@1030 [4 0 r]@1200 -@1200 -@1300");
}

TEST_CASE("call filter: what is attached goes where its call goes", "[call_filter]") {
  const auto names = [](const spool::Reader& spool) {
    std::string text;
    each_frame(spool, [&](const spool::DecodedFrame& frame) {
      for (const spool::Note& note : frame.notes) {
        const std::string_view bytes = note.bytes.substr(2);  // the length of its name
        text += (text.empty() ? "" : " ") + std::to_string(note.kind) + ":" + std::string(bytes);
      }
    });
    return text;
  };
  const auto pair = [](const std::string& name) { return std::string("\x01\0", 2) + name + "N"; };
  Recording run(kArena, ClockKind::kMonotonic, at_least(100));
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  const uint32_t b = process.python("b");
  FakeThread thread = process.thread(1);
  thread.enter(1000, a);
  thread.call_value(1005, a, 30, pair("a"));  // it is not known yet whether it lasts
  thread.enter(1010, b);
  thread.call_value(1015, b, 30, pair("b"));
  thread.leave(1020, b);  // too short
  thread.enter(1030, b);
  thread.call_value(1035, b, 30, pair("c"));
  thread.finish();
  run.drain->pass();
  thread.leave(1200, b);
  thread.leave(1300, a);
  thread.enter(1400, a);
  thread.call_value(1405, a, 30, pair("d"));
  thread.leave(1410, a);
  auto spool = run.read();
  CHECK(replay(*spool) == "+16@1000 +17@1030 -@1200 -@1300");
  CHECK(names(*spool) == "32:bN 7:cN 7:aN 32:dN");
  Recording flat(kArena, ClockKind::kMonotonic, at_most(1));
  FakeProcess other(flat, 1, 1);
  const uint32_t c = other.python("c");
  FakeThread second = other.thread(1);
  second.enter(1000, c);
  second.enter(1010, c);
  second.call_value(1015, c, 30, pair("e"));  // too deep
  second.leave(1020, c);
  second.call_value(1025, c, 30, pair("f"));
  second.leave(1030, c);
  CHECK(names(*flat.read()) == "32:eN 7:fN");
}

TEST_CASE("call filter: chunks of which nothing was left are none that a recovery misses",
          "[call_filter]") {
  Recording run(kArena, ClockKind::kMonotonic, at_least(100));
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  FakeThread thread = process.thread(1);
  thread.enter(1000, a);
  thread.enter(2000, a);
  thread.leave(2200, a);
  thread.finish();
  run.drain->pass();
  for (uint64_t ticks = 3000; ticks < 3010; ticks += 2) {
    thread.enter(ticks, a);
    thread.leave(ticks + 1, a);
    thread.finish();
    run.drain->pass();
  }
  thread.enter(4000, a);
  thread.leave(4200, a);
  thread.leave(5000, a);
  auto reader = run.reopen();
  CHECK(reader->model().threads.at(0).next_sequence == 1);
  const uint64_t end = reader->end_offset();
  auto fd = open_file(run.folder.file("spool"), O_RDWR);
  REQUIRE(fd.has_value());
  auto writer = spool::Writer::resume(std::move(*fd), reader->take_model(), end);
  REQUIRE(writer.has_value());
  collector::Drain drain(run.arena, run.clock, **writer, run.kernel, true, 1, at_least(100));
  drain.resume();
  drain.take_rest();
  REQUIRE((*writer)->close().has_value());
  const auto spool = run.reopen();
  CHECK(replay(*spool) == "+16@1000 +16@2000 -@2200 +16@4000 -@4200 -@5000");
  CHECK_FALSE(spool->model().images.at(0).is_damaged());
}

// What is passed on at once has to fit what may be assembled at once, and takes no longer for being
// deep.
TEST_CASE("call filter: a deep recursion with large arguments", "[call_filter]") {
  constexpr auto kTold = static_cast<uint32_t>(NoteKind::kArguments);
  constexpr uint64_t kDepth = 45'000;
  Recording run(uint64_t{64} << 20, ClockKind::kMonotonic, at_least(1'000'000));
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  FakeThread thread = process.thread(1);
  thread.chunk_class = kChunkClasses - 1;
  for (uint64_t i = 0; i < kDepth; ++i) {
    thread.note(1000 + i, kTold, 1, std::string(180, 'x'));
    thread.enter(1000 + i, a);
    if (i % 300 == 299) {
      thread.finish();
      run.drain->pass();
    }
  }
  for (uint64_t i = 0; i < kDepth; ++i) {
    thread.leave(2'000'000 + i, a);
  }
  auto spool = run.read();
  CHECK(spool->model().threads.at(0).calls == kDepth);
  CHECK(spool->model().threads.at(0).stray_ends == 0);
  CHECK(spool->model().threads.at(0).open.empty());
  CHECK(!spool->model().images.at(0).is_damaged());
}

// Random stacks with ends that are missing and ends too many, in chunks of any length: what is left
// is what the limits say of the whole.
TEST_CASE("call filter: random events, against the whole recording", "[call_filter]") {
  struct Call {
    uint32_t id;
    uint64_t start;
    uint64_t end;
    size_t depth;
    bool below_excluded;
  };
  struct CallSink {
    explicit CallSink(const spool::DecodedFrame& of) : frame(of) {}
    const spool::DecodedFrame& frame;
    void begin(uint32_t function, uint64_t ns) {
      open().push_back({frame.functions[function], ns, 0, 0, false});
    }
    void end(uint64_t ns, uint32_t) {
      Call call = open().back();
      open().pop_back();
      call.end = ns;
      done().push_back(call);
    }
    void special(const spool::Special&, uint64_t ns) { open().push_back({0, ns, 0, 0, false}); }
    static std::vector<Call>& open() {
      static std::vector<Call> calls;
      return calls;
    }
    static std::vector<Call>& done() {
      static std::vector<Call> calls;
      return calls;
    }
  };
  const auto calls_of = [](const spool::Reader& spool) {
    CallSink::open().clear();
    CallSink::done().clear();
    const spool::ClockMap clock(ClockKind::kMonotonic, {});
    each_frame(spool, [&](const spool::DecodedFrame& frame) {
      CallSink sink{frame};
      REQUIRE(spool::replay_frame(frame, clock, sink).has_value());
    });
    return std::pair(CallSink::done(), CallSink::open());
  };
  std::mt19937 random(GENERATE(1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u));
  session::CallLimits limits;
  limits.min_duration_ns = random() % 2 == 0 ? 0 : 2050;
  limits.max_stack_depth = random() % 2 == 0 ? UINT32_MAX : 3;
  limits.excludes_subtrees = true;
  constexpr uint32_t kFunctions = 6;
  constexpr uint32_t kExcluded = kFirstNameId + 2;
  struct Event {
    uint64_t ticks;
    EventKind kind;
    uint32_t id;
    bool last_of_chunk;
  };
  std::vector<Event> events;
  std::vector<uint32_t> stack;
  uint64_t ticks = 10'000;
  for (int i = 0; i < 4000; ++i) {
    ticks += 100 * (1 + random() % (random() % 20 == 0 ? 100 : 5));
    const bool cut = random() % 50 == 0;
    if (stack.size() < 12 && (stack.empty() || random() % 2 == 0)) {
      const auto id = static_cast<uint32_t>(kFirstNameId + random() % kFunctions);
      events.push_back({ticks, EventKind::kEnter, id, cut});
      stack.push_back(id);
    } else if (random() % 30 == 0) {  // an end of something else
      events.push_back({ticks,
                        EventKind::kLeave,
                        static_cast<uint32_t>(kFirstNameId + random() % kFunctions),
                        cut});
    } else {
      size_t at = stack.size() - 1;
      at -= random() % 30 == 0 ? random() % stack.size() : 0;  // some in between never end
      events.push_back(
          {ticks, random() % 2 == 0 ? EventKind::kLeave : EventKind::kUnwind, stack[at], cut});
      stack.resize(at);
    }
  }
  const auto record = [&](Recording& run) {
    FakeProcess process(run, 1, 1);
    for (uint32_t i = 0; i < kFunctions; ++i) {
      (void)process.function(
          FunctionKind::kPython,
          "f" + std::to_string(i),
          "/x.py",
          i,
          kFirstNameId + i == kExcluded ? uint32_t{kFunctionExcludesSubtree} : 0);
    }
    FakeThread thread = process.thread(1);
    for (const Event& event : events) {
      thread.word(event.ticks, event.kind, event.id);
      if (event.last_of_chunk) {
        thread.finish();
        run.drain->pass();
      }
    }
    // All of it ends, so that nothing is left to be judged by when the recording ended.
    thread.opcode(ticks + 100, Opcode::kGap, {0, static_cast<uint64_t>(GapReason::kPaused)});
    return calls_of(*run.read());
  };
  Recording whole(kArena);
  Recording some(kArena, ClockKind::kMonotonic, limits);
  auto [all, open] = record(whole);
  const auto kept = record(some).first;
  REQUIRE(open.empty());
  // By begin, so that what encloses a call is before it. Stamps are multiples of 100, but where
  // calls are cut: then a little is added to tell them apart.
  const auto by_start = [](const Call& a, const Call& b) { return a.start < b.start; };
  std::sort(all.begin(), all.end(), by_start);
  std::vector<const Call*> around;
  std::vector<std::tuple<uint32_t, uint64_t, uint64_t>> expected;
  for (Call& call : all) {
    while (!around.empty() && around.back()->end <= call.start) {
      around.pop_back();
    }
    call.depth = around.size();
    call.below_excluded =
        call.id == kExcluded || (!around.empty() && around.back()->below_excluded);
    const bool lasts = call.end - call.start >= limits.min_duration_ns;
    if (call.id == 0 || (lasts && call.depth < limits.max_stack_depth && !call.below_excluded)) {
      expected.emplace_back(call.id, call.start, (call.end + 50) / 100);
    }
    around.push_back(&call);
  }
  std::vector<std::tuple<uint32_t, uint64_t, uint64_t>> got;
  for (const Call& call : kept) {
    got.emplace_back(call.id, call.start, (call.end + 50) / 100);
  }
  std::sort(got.begin(), got.end(), [](const auto& a, const auto& b) {
    return std::get<1>(a) < std::get<1>(b);
  });
  for (size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    INFO(i << ": " << std::get<0>(got[i]) << "@" << std::get<1>(got[i]) << "-"
           << std::get<2>(got[i]) << ", expected " << std::get<0>(expected[i]) << "@"
           << std::get<1>(expected[i]) << "-" << std::get<2>(expected[i]));
    const bool gap = std::get<0>(expected[i]) == 0;
    REQUIRE((gap ? std::get<0>(got[i]) == 0 : got[i] == expected[i]));
  }
  CHECK(got.size() == expected.size());
}

}  // namespace vtn::test

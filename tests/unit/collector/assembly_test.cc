// SPDX-License-Identifier: Apache-2.0
#include "tests/support/recording.h"
#include "tests/support/replayed.h"

namespace vtn::test {

TEST_CASE("assembly: an end pops to the nearest call of its id", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");  // 16
  const uint32_t b = process.python("b");  // 17
  const uint32_t c = process.c("c");       // 18
  FakeThread thread = process.thread(1);
  thread.enter(100, a);
  thread.enter(110, b);
  thread.enter(120, c);
  thread.leave(130, a);  // b and c never ended
  thread.leave(140, b);  // nothing of it is open
  auto spool = run.read();
  CHECK(replay(*spool) == "+16@100 +17@110 +18@120 !@121 !@122 -@130");
  CHECK(spool->model().threads.at(0).stray_ends == 1);
  CHECK(spool->model().threads.at(0).cut_calls == 2);
}

TEST_CASE("assembly: what goes on ends by the name of what began", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t g = process.generator("g");  // 16, resumed: 17
  const uint32_t a = process.python("a");     // 18
  FakeThread thread = process.thread(1);
  thread.enter(100, g);
  thread.unwind(110, g);
  thread.enter(120, g + 1);
  thread.enter(130, a);
  thread.leave(140, g);  // a never ended
  thread.enter(150, a);
  thread.leave(160, g);  // nothing of it is open
  thread.leave(170, a - 1);
  thread.leave(180, a);
  thread.enter(190, g + 1);
  thread.finish();
  run.drain->pass();
  thread.enter(200, g);  // of itself
  thread.leave(210, g);
  thread.leave(220, g);  // the one of the frame before
  auto spool = run.read();
  CHECK(replay(*spool) ==
        "+16@100 ^@110 +17@120 +18@130 !@131 -@140 +18@150 -@180 +17@190 +16@200 -@210 -@220");
  CHECK(spool->model().threads.at(0).stray_ends == 2);
  CHECK(spool->model().images.at(0).function(g + 1)->resumed());
}

TEST_CASE("assembly: any Python's end skips C calls, not Python ones", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  const uint32_t b = process.python("b");
  const uint32_t c = process.c("c");
  FakeThread thread = process.thread(1);
  thread.leave(90, kIdAnyPython);  // nothing is open
  thread.enter(100, a);
  thread.enter(110, b);
  thread.enter(120, c);
  thread.unwind(130, kIdAnyPython);
  thread.leave(140, kIdAnyPython);
  thread.enter(150, c);
  thread.leave(160, kIdAnyPython);
  auto spool = run.read();
  CHECK(replay(*spool) == "+16@100 +17@110 +18@120 !@121 ^@130 -@140 +18@150");
  CHECK(spool->model().threads.at(0).stray_ends == 2);
}

TEST_CASE("assembly: stamps of a thread increase strictly", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  FakeThread thread = process.thread(1);
  thread.enter(100, a);
  thread.enter(100, a);
  thread.opcode(100, Opcode::kResync, {50});  // the clock went back
  thread.raw(event_word(0, EventKind::kLeave, a));
  thread.raw(event_word(60, EventKind::kLeave, a));
  thread.finish();
  thread.enter(20, a);
  auto spool = run.read();
  CHECK(replay(*spool) == "+16@100 +16@101 -@102 -@110 +16@111");
}

TEST_CASE("assembly: a resync carries time over 40 bits", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  FakeThread thread = process.thread(1);
  thread.enter(1000, a);
  // Ten hours later; the collector's clock must not be behind it.
  const uint64_t later = 1000 + kEventDeltaMax / 2;
  thread.opcode(1000, Opcode::kResync, {later});
  thread.raw(event_word(5, EventKind::kLeave, a));
  auto spool = run.read();
  const uint64_t now = spool::read_clock_triple(ClockKind::kMonotonic).ticks;
  CHECK(replay(*spool) ==
        "+16@1000 -@" +
            std::to_string(later + 5 < now ? later + 5 : spool->model().threads[0].last_ticks));
}

TEST_CASE("assembly: gaps and a thread's end close what is open", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  FakeThread thread = process.thread(1);
  thread.enter(100, a);
  thread.finish();
  thread.opcode(200, Opcode::kGap, {5, static_cast<uint64_t>(GapReason::kArenaFull)});
  thread.enter(210, a);
  thread.enter(220, a);
  thread.opcode(230, Opcode::kThreadEnd);
  auto spool = run.read();
  CHECK(replay(*spool) == "+16@100 !@101 gap5@102 -@200 +16@210 +16@220 !@221 !@222");
  CHECK(spool->model().threads.at(0).ended);
  CHECK(spool->model().threads.at(0).open.empty());
  CHECK(spool::totals_of(spool->model()).lost_events == 5);
}

TEST_CASE("assembly: what is open when recording is paused ends then", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  FakeThread thread = process.thread(1);
  thread.enter(100, a);
  thread.enter(110, a);
  thread.opcode(200, Opcode::kGap, {0, static_cast<uint64_t>(GapReason::kPaused)});
  thread.leave(300, a);  // began before
  thread.enter(310, a);
  thread.opcode(320, Opcode::kThreadEnd);
  auto spool = run.read();
  CHECK(replay(*spool) == "+16@100 +16@110 ^@200 ^@201 gap0@202 -@203 +16@310 !@311");
  CHECK(spool::totals_of(spool->model()).lost_events == 0);
}

TEST_CASE("assembly: a chunk that never came is a gap", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  FakeThread thread = process.thread(1);
  thread.enter(100, a);
  thread.finish();
  thread.skip_sequence();
  thread.enter(200, a);
  auto spool = run.read();
  CHECK(replay(*spool) == "+16@100 !@101 gap0@102 -@200 +16@201");
}

TEST_CASE("assembly: words that no tracer writes do no harm", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  FakeThread thread = process.thread(1);
  thread.enter(100, a);
  thread.raw(opcode_word(0, static_cast<Opcode>(99), 2));
  thread.raw(1);
  thread.raw(2);
  thread.raw(event_word(kEventDeltaMax, EventKind::kEnter, kMaxNameId));
  thread.raw(opcode_word(0, Opcode::kResync, 1));
  thread.raw(~uint64_t{0});
  thread.raw(event_word(0, EventKind::kEnter, kIdTooManyNames));
  thread.raw(opcode_word(0, Opcode::kGap, 255));  // the payload would go past the chunk
  auto spool = run.read();
  CHECK(spool->model().threads.at(0).calls == 3);
  CHECK((spool->model().images.at(0).end.flags & spool::kImageDamaged) != 0);
  CHECK(spool->model().threads.at(0).last_ticks <=
        spool::read_clock_triple(ClockKind::kMonotonic).ticks + (uint64_t{1} << 21));
}

constexpr auto kName = static_cast<uint32_t>(NoteKind::kThreadName);
constexpr auto kLine = static_cast<uint32_t>(NoteKind::kCallerLine);

TEST_CASE("assembly: notes keep their place among the ops", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  const uint32_t b = process.python("b");
  FakeThread thread = process.thread(1);
  thread.note(90, kName, 1, "first");
  thread.enter(100, a);
  thread.note(105, kLine, 12);
  thread.note(106, 31, 4'000'000'000, std::string("\0\xff of a newer tracer", 20));
  thread.enter(110, b);
  thread.note(125, kName, 2, "");
  thread.leave(130, a);
  thread.note(140, kName, 3, std::string(2000, 'x'));
  auto spool = run.read();
  CHECK(replay<NoteSink>(*spool) == "[1 1 first]@100 +16@100 [2 12 ]@110 [31 4000000000 " +
                                        std::string("\0\xff of a newer tracer", 20) +
                                        "]@110 +17@110 [1 2 ]@111 !@111 -@130 [1 3 " +
                                        std::string(2000, 'x') + "]@130");
  CHECK(replay(*spool) == "+16@100 +17@110 !@111 -@130");
  CHECK_FALSE(spool->model().images.at(0).damaged);
  CHECK((spool->model().images.at(0).end.flags & spool::kImageDamaged) == 0);
}

TEST_CASE("assembly: marks keep their own stamps", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  FakeThread thread = process.thread(1);
  thread.enter(100, a);
  thread.mark(105, NoteKind::kInstant, a, "now");
  thread.finish();
  thread.mark(95, NoteKind::kInstant, a, "told of later");
  thread.mark(UINT64_MAX, NoteKind::kCounter, a);  // later than any clock
  thread.note(106, static_cast<uint32_t>(NoteKind::kInstant), a, "short");
  thread.leave(110, a);
  auto spool = run.read();
  std::string buffer;
  spool::FrameDecoder decoder;
  spool::DecodedFrame frame;
  std::vector<spool::Note> found;
  std::vector<std::string> texts;
  for (const spool::FrameInfo& info : spool->model().frames) {
    auto body = spool->read_body(info, buffer);
    REQUIRE(body.has_value());
    REQUIRE(decoder.decode(*body, frame).has_value());
    for (const spool::Note& note : frame.notes) {
      texts.emplace_back(note.bytes);
      found.push_back(note);
    }
  }
  REQUIRE(found.size() == 3);
  CHECK(texts == std::vector<std::string>{"now", "told of later", ""});
  CHECK(found[0].ticks == 105);
  CHECK(found[1].ticks == 95);
  CHECK(found[2].ticks < UINT64_MAX / 2);
  CHECK(found[2].ticks >= 110);
  CHECK((spool->model().images.at(0).end.flags & spool::kImageDamaged) != 0);  // the short one
  CHECK(replay(*spool) == "+16@100 -@110");
}

TEST_CASE("assembly: a chunk of notes alone is a frame", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  FakeThread thread = process.thread(1);
  thread.note(90, kName, 0, "only");
  auto spool = run.read();
  CHECK(replay<NoteSink>(*spool) == "[1 0 only]@86");
}

TEST_CASE("assembly: a call keeps its caller's line until it ends", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  const uint32_t b = process.python("b");
  FakeThread thread = process.thread(1);
  thread.note(99, kLine, 7);
  thread.enter(100, a);
  thread.note(109, kLine, 8);
  thread.enter(110, b);
  thread.leave(120, b);
  thread.enter(130, b);  // still called from line 8
  thread.enter(135, a);  // and this from line 7
  thread.note(139, kLine, 0);
  thread.enter(140, b);  // not known
  thread.finish();
  thread.enter(200, b);  // in another chunk: not known
  thread.leave(210, b);
  thread.leave(220, b);
  thread.leave(230, a);
  thread.finish();
  thread.leave(300, b);
  auto spool = run.read();
  std::string told;
  spool::FrameDecoder decoder;
  spool::DecodedFrame frame;
  std::string buffer;
  for (const spool::FrameInfo& info : spool->model().frames) {
    auto body = spool->read_body(info, buffer);
    REQUIRE(body.has_value());
    REQUIRE(decoder.decode(*body, frame).has_value());
    for (const spool::OpenCall& call : frame.closed) {
      told += std::to_string(call.id) + " from " + std::to_string(call.line) + "; ";
    }
    told += "| ";
  }
  CHECK(told == "| 17 from 0; 16 from 7; | 17 from 8; | ");
  REQUIRE(spool->model().threads.at(0).open.size() == 1);
  CHECK(spool->model().threads.at(0).open[0].line == 7);
}

TEST_CASE("assembly: notes that no tracer writes do no harm", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  FakeThread thread = process.thread(1);
  thread.enter(100, a);
  // More bytes than there are words.
  thread.raw(note_word(0, NoteKind::kThreadName, 2));
  thread.raw(note_key(0, 9));
  thread.raw(0);
  thread.raw(note_word(0, NoteKind::kThreadName, 1));
  thread.raw(~uint64_t{0});
  thread.raw(note_word(0, NoteKind::kCallerLine, 0));  // not even a key
  thread.raw(note_word(0, NoteKind::kCallerLine, 1));
  thread.raw(0xffff'ffff);  // a line beyond all lines
  thread.raw(event_word(10, EventKind::kEnter, a));
  for (int i = 0; i < 260; ++i) {
    thread.raw(event_word(15, EventKind::kLeave, 999));
  }
  thread.raw(note_word(20, NoteKind::kThreadName, 255));  // the payload would go past the chunk
  auto spool = run.read();
  CHECK(replay<NoteSink>(*spool) == "+16@100 [2 0 ]@110 [2 4294967295 ]@110 +16@110");
  CHECK((spool->model().images.at(0).end.flags & spool::kImageDamaged) != 0);
  REQUIRE(spool->model().threads.at(0).open.size() == 2);
  CHECK(spool->model().threads.at(0).open[1].line == 0);
}

TEST_CASE("clock: triples are joined by straight lines, stamps stay apart", "[clock]") {
  const spool::ClockMap map(ClockKind::kTsc,
                            {{1'000'000, 5'000'000, 1'000'000'005'000'000},
                             {3'600'000, 6'000'000, 1'000'000'006'000'000},
                             {3'600'000, 1, 0},  // nonsense is left out
                             {6'200'000, 7'100'000, 1'000'000'007'100'000}});
  CHECK(map.to_ns(1'000'000) == 5'000'000);
  CHECK(map.to_ns(3'600'000) == 6'000'000);
  CHECK(map.to_ns(2'300'000) == 5'500'000);
  CHECK(map.to_ns(6'200'000) == 7'099'999);  // rounded down, as the rate is
  CHECK(map.to_ns(8'800'000) == 8'199'999);  // goes on as before
  CHECK(map.realtime_base_ns() == 1'000'000'000'000'000);
  spool::ClockMap::Cursor cursor(map);
  uint64_t last = 0;
  bool apart = true;
  for (uint64_t ticks = 900'000; ticks < 7'000'000; ticks += spool::tick_step_of(ClockKind::kTsc)) {
    const uint64_t ns = cursor(ticks);
    apart = apart && ns > last && ns == map.to_ns(ticks);
    last = ns;
  }
  CHECK(apart);
}

TEST_CASE("assembly: arguments are told again where an earlier chunk told them", "[assembly]") {
  constexpr auto kTold = static_cast<uint32_t>(NoteKind::kArguments);
  constexpr auto kReturned = static_cast<uint32_t>(NoteKind::kReturnValue);
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  const uint32_t b = process.python("b");
  FakeThread thread = process.thread(1);
  thread.note(90, kTold, 1, "A");
  thread.enter(100, a);
  thread.enter(110, b);
  thread.note(115, kTold, 2, "inner");
  thread.enter(120, b);
  thread.finish();
  run.drain->pass();
  thread.note(125, kTold, 1, "here");
  thread.enter(130, a);
  thread.leave(140, a);
  thread.note(145, kReturned, 0, "R");
  thread.leave(150, b);
  thread.finish();
  run.drain->pass();
  thread.enter(160, a);
  thread.leave(170, a);
  thread.leave(180, b);
  thread.leave(190, a);
  thread.note(195, kTold, 3, "open");
  thread.enter(200, a);
  auto spool = run.read();
  CHECK(replay<NoteSink>(*spool) ==
        "[3 1 A]@100 +16@100 +17@110 [3 2 inner]@120 +17@120 "
        "[3 1 here]@130 +16@130 -@140 [4 0 R]@150 [5 2 inner]@150 -@150 "
        "+16@160 -@170 -@180 [5 1 A]@190 -@190 [3 3 open]@200 +16@200");
  const auto& open = spool->model().images.at(0).open_values;
  REQUIRE(open.size() == 1);
  CHECK(open.at({0, 0}).arguments == 3);
  CHECK(open.at({0, 0}).values == "open");
}

TEST_CASE("assembly: what is returned is told of the call that returns it", "[assembly]") {
  constexpr auto kReturned = static_cast<uint32_t>(NoteKind::kReturnValue);
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  const uint32_t b = process.python("b");
  FakeThread thread = process.thread(1);
  thread.enter(100, a);
  thread.enter(110, b);
  thread.enter(120, b);
  thread.note(130, kReturned, 0, "of a");  // whose end cuts the others
  thread.leave(130, a);
  thread.enter(140, a);
  thread.note(150, kReturned, 0, "of nobody");  // whose end has no call
  thread.leave(150, b);
  thread.leave(160, a);
  auto spool = run.read();
  CHECK(replay<NoteSink>(*spool) ==
        "+16@100 +17@110 +17@120 !@121 !@122 [4 0 of a]@130 -@130 +16@140 -@160");
}

// A name and a value as the collector tells them apart.
std::string pair(const std::string& name, const std::string& value) {
  const auto bytes = static_cast<uint16_t>(name.size());
  return std::string(reinterpret_cast<const char*>(&bytes), sizeof(bytes)) + name + value;
}

// Notes by their kind and the texts that pair() put together.
struct PairSink : TextSink {
  using TextSink::TextSink;
  void note(const spool::Note& note, uint64_t ns) {
    std::string words(note.bytes);
    std::erase_if(words, [](char one) { return one < ' '; });
    text += " [" + std::to_string(note.kind) + " " + words + "]@" + std::to_string(ns);
  }
};

TEST_CASE("assembly: what is attached to a call is told before its end", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");  // 16
  const uint32_t b = process.python("b");
  FakeThread thread = process.thread(1);
  thread.enter(100, a);
  thread.call_value(105, a, 30, pair("x", "1"));
  thread.enter(110, b);
  thread.call_value(115, a, 30, pair("y", "2"));  // of the caller
  thread.call_value(116, b, 30, pair("z", "3"));
  thread.leave(120, b);
  thread.enter(130, a);
  thread.call_value(135, a, 30, pair("x", "inner"));
  thread.leave(140, a);
  thread.call_value(145, a, 30, pair("x", "new"));  // takes the place of the first
  thread.leave(150, a);
  thread.call_value(155, a, 30, pair("x", "late"));  // of a call that there is none of
  thread.enter(160, a);
  thread.leave(170, a);
  auto spool = run.read();
  CHECK(replay<PairSink>(*spool) ==
        "+16@100 +17@110 [7 z3]@120 -@120 +16@130 [7 xinner]@140 -@140 [7 xnewy2]@150 -@150 "
        "[32 xlate]@160 +16@160 -@170");
}

TEST_CASE("assembly: what is attached is kept until the call ends, or is open for ever",
          "[assembly]") {
  constexpr auto kTold = static_cast<uint32_t>(NoteKind::kArguments);
  constexpr auto kReturned = static_cast<uint32_t>(NoteKind::kReturnValue);
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  const uint32_t b = process.python("b");
  FakeThread thread = process.thread(1);
  thread.enter(100, a);
  thread.note(105, kTold, 1, "A");
  thread.enter(110, b);
  thread.call_value(115, b, 30, pair("x", "1"));
  thread.finish();
  run.drain->pass();
  thread.call_value(120, a, 30, pair("of", "a"));  // which is told of here first
  thread.call_value(125, b, 30, pair("y", "2"));
  thread.finish();
  run.drain->pass();
  thread.note(130, kReturned, 0, "R");
  thread.leave(130, b);
  auto spool = run.read();
  CHECK(replay<PairSink>(*spool) ==
        "+16@100 [3 A]@110 +17@110 [4 R]@130 [5 A]@130 [7 x1y2]@130 -@130");
  const auto& open = spool->model().images.at(0).open_values;
  REQUIRE(open.size() == 1);
  CHECK(open.at({0, 0}).arguments == 0);
  CHECK(open.at({0, 0}).named == pair("of", "a"));
}

TEST_CASE("assembly: what is attached too much of becomes an instant", "[assembly]") {
  Recording run;
  FakeProcess process(run, 1, 1);
  const uint32_t a = process.python("a");
  FakeThread thread = process.thread(1);
  thread.enter(100, a);
  for (int i = 0; i < 4; ++i) {
    thread.call_value(110, a, 30, pair("n" + std::to_string(i), std::string(600, 'x')));
  }
  thread.raw(note_word(0, NoteKind::kCallValue, 2));  // without a function
  thread.raw(note_key(30, 8));
  thread.raw(115);
  thread.leave(120, a);
  auto spool = run.read();
  size_t attached = 0;
  size_t instants = 0;
  each_frame(*spool, [&](const spool::DecodedFrame& frame) {
    for (const spool::Note& note : frame.notes) {
      attached +=
          note.kind == static_cast<uint32_t>(NoteKind::kNamedValues) ? note.bytes.size() : 0;
      instants += note.kind == static_cast<uint32_t>(NoteKind::kInstant) ? 1 : 0;
    }
  });
  CHECK(attached == 3 * (2 + 2 + 600));
  CHECK(instants == 2);
}

}  // namespace vtn::test

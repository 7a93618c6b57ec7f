// SPDX-License-Identifier: Apache-2.0
//
// A recording that must not get larger than so much (--max_size): functions are counted, exactly.
#include "collector/size_limit.h"

#include <map>
#include <random>
#include <vector>

#include "collector/call_filter.h"
#include "report/left_out.h"
#include "spool/replay.h"
#include "tests/support/recording.h"

namespace vtn::test {
namespace {

constexpr uint64_t kArena = uint64_t{16} << 20;

session::CallLimits at_most(uint64_t bytes) {
  session::CallLimits limits;
  limits.most_spool_bytes = bytes;
  return limits;
}

struct Event {
  uint64_t ticks;
  EventKind kind;
  uint32_t id;
  bool operator==(const Event&) const = default;
};

std::vector<Event> events_of(const collector::CallAssembler::Chunk& chunk) {
  std::vector<Event> events;
  uint64_t base = chunk.base_ticks;
  for (size_t i = 0; i < chunk.words.size(); ++i) {
    const uint64_t word = chunk.words[i];
    if (event_kind(word) == EventKind::kOpcode) {
      base = event_opcode(word) == Opcode::kResync ? chunk.words[i + 1] : base;
      i += event_payload_words(word);
    } else {
      events.push_back({base + event_delta(word), event_kind(word), event_id(word)});
    }
  }
  return events;
}

// Calls and ticks by name: as recorded, and left out.
struct Sums {
  std::map<std::string, uint64_t> calls;
  std::map<std::string, uint64_t> ticks;
  std::map<std::string, uint64_t> last_recorded;  // the last begin
  bool operator==(const Sums& other) const { return calls == other.calls && ticks == other.ticks; }
};

struct SumSink {
  const spool::ImageInfo& image;
  const spool::DecodedFrame& frame;
  std::vector<std::pair<std::string, uint64_t>>& open;
  Sums& sums;
  void begin(uint32_t function, uint64_t ns) {
    const std::string& name = image.function(frame.functions[function])->name;
    ++sums.calls[name];
    sums.last_recorded[name] = ns;
    open.emplace_back(name, ns);
  }
  void end(uint64_t ns, uint32_t) {
    sums.ticks[open.back().first] += ns - open.back().second;
    open.pop_back();
  }
  void special(const spool::Special&, uint64_t ns) { open.emplace_back("", ns); }
};

Sums sums_of(const spool::Reader& spool, std::map<std::string, uint64_t>& counted_from_ns) {
  Sums sums;
  const spool::Model& model = spool.model();
  const spool::ClockMap clock(ClockKind::kMonotonic, {});
  std::map<uint32_t, std::vector<std::pair<std::string, uint64_t>>> open;
  spool::FrameDecoder decoder;
  spool::DecodedFrame frame;
  std::string buffer;
  for (const spool::FrameInfo& info : model.frames) {
    REQUIRE(decoder.decode(spool.read_body(info, buffer).value(), frame).has_value());
    SumSink sink{model.images[frame.head.image], frame, open[info.thread], sums};
    REQUIRE(spool::replay_frame(frame, clock, sink).has_value());
  }
  for (const report::LeftOutFunction& one : report::left_out_of(model, clock).limited) {
    sums.calls[one.function->name] += one.calls;
    sums.ticks[one.function->name] += one.total_ns;
    counted_from_ns[one.function->name] = one.counted_from_ns;
  }
  return sums;
}

}  // namespace

TEST_CASE("size limit: calls of counted functions are taken out, whatever lies around them",
          "[size_limit]") {
  std::minstd_rand random(5);
  for (int round = 0; round < 200; ++round) {
    collector::CallFilter filter({}, 0);
    auto counted = std::make_shared<collector::CountedFunctions>();
    std::vector<bool> is_counted(20);
    collector::FunctionTraits traits;
    for (uint32_t id = 16; id < 24; ++id) {
      traits.set(id, id % 2 == 0 ? FunctionKind::kPython : FunctionKind::kC, 0);
      if (random() % 2 == 0) {
        counted->add(id);
        is_counted[id - 16] = true;
      }
    }
    struct Open {
      uint32_t id;
      uint64_t start;
      bool counted;
    };
    std::vector<Open> open;
    std::map<uint32_t, collector::LeftOut> expected;
    uint64_t ticks = 1000;
    for (int chunk = 0; chunk < 4; ++chunk) {
      const bool counts = chunk != 0;
      if (counts) {
        filter.count(counted);
      }
      const uint64_t base = ticks;
      std::vector<uint64_t> words;
      std::vector<Event> left;
      for (int i = 0; i < 100; ++i) {
        ticks += 1 + random() % 50;
        if (open.empty() || random() % 2 == 0) {
          const auto id = static_cast<uint32_t>(16 + random() % 8);
          open.push_back({id, ticks, counts && is_counted[id - 16]});
          words.push_back(event_word(ticks - base, EventKind::kEnter, id));
          if (!open.back().counted) {
            left.push_back({ticks, EventKind::kEnter, id});
          }
        } else {
          const Open call = open.back();
          open.pop_back();
          const EventKind how = random() % 4 == 0 ? EventKind::kUnwind : EventKind::kLeave;
          words.push_back(event_word(ticks - base, how, call.id));
          if (call.counted) {
            ++expected[call.id].calls;
            expected[call.id].ticks += ticks - call.start;
          } else {
            left.push_back({ticks, how, call.id});
          }
        }
      }
      const auto events = events_of(filter.filter({words, base, ticks}, traits));
      REQUIRE(events == left);
    }
    for (const auto& [id, left_out] : filter.take_left_out()) {
      CHECK(expected[id].calls == left_out.calls);
      CHECK(expected[id].ticks == left_out.ticks);
      expected.erase(id);
    }
    CHECK(expected.empty());
  }
}

TEST_CASE("size limit: the depth of calls is that of those that are recorded", "[size_limit]") {
  session::CallLimits limits;
  limits.max_stack_depth = 2;
  collector::CallFilter filter(limits, 0);
  auto counted = std::make_shared<collector::CountedFunctions>();
  counted->add(17);
  filter.count(counted);
  const std::vector<uint64_t> words = {event_word(1, EventKind::kEnter, 16),
                                       event_word(2, EventKind::kEnter, 17),
                                       event_word(3, EventKind::kEnter, 18),
                                       event_word(4, EventKind::kEnter, 19),
                                       event_word(5, EventKind::kLeave, 19),
                                       event_word(6, EventKind::kLeave, 18)};
  const auto events = events_of(filter.filter({words, 0, 100}, {}));
  const std::vector<Event> expected = {
      {1, EventKind::kEnter, 16}, {3, EventKind::kEnter, 18}, {6, EventKind::kLeave, 18}};
  CHECK(events == expected);
  // What is open at the end is counted as well.
  CHECK(filter.finish(200, 200).words.empty());
  collector::LeftOutById left_out = filter.take_left_out();
  CHECK(left_out.size() == 2);
  CHECK(left_out[17].calls == 1);
  CHECK(left_out[17].ticks == 198);
  CHECK(left_out[17].counted_from_ticks == 2);
  CHECK(left_out[19].counted_from_ticks == UINT64_MAX);
}

TEST_CASE("size limit: those that are called most are counted, and nothing is lost",
          "[size_limit]") {
  constexpr uint64_t kBytes = 200'000;
  Recording run(kArena, ClockKind::kMonotonic, at_most(kBytes));
  std::minstd_rand random(3);
  Sums truth;
  FakeProcess first(run, 100, 1000);
  FakeProcess second(run, 200, 1000);
  const uint32_t hot = first.python("hot");
  const uint32_t rare = first.python("rare");
  const uint32_t other = second.python("other");
  FakeThread threads[] = {first.thread(100), first.thread(101), second.thread(200)};
  uint64_t ticks = 5000;
  const auto call = [&](FakeThread& thread, uint32_t id, const char* name, auto&& inner) {
    const uint64_t start = ticks += 1 + random() % 100;
    thread.enter(start, id);
    inner();
    thread.leave(ticks += 1 + random() % 100, id);
    ++truth.calls[name];
    truth.ticks[name] += ticks - start;
  };
  for (int i = 0; i < 4000; ++i) {
    call(threads[0], rare, "rare", [&] {
      for (int k = 0; k < 100; ++k) {
        call(threads[0], hot, "hot", [] {});
      }
    });
    call(threads[1], hot, "hot", [] {});
    call(threads[2], other, "other", [] {});
    if (i % 10 == 0) {
      run.drain->pass();
    }
  }
  const auto spool = run.read();
  std::map<std::string, uint64_t> counted_from_ns;
  Sums sums = sums_of(*spool, counted_from_ns);
  CHECK(sums == truth);
  CHECK(counted_from_ns.at("hot") != 0);
  // Other threads may have recorded some after that.
  for (const char* of_one_thread : {"rare", "other"}) {
    if (counted_from_ns.contains(of_one_thread)) {
      CHECK(sums.last_recorded[of_one_thread] < counted_from_ns[of_one_thread]);
    }
  }
  CHECK(run.spool->bytes() < kBytes);
  const spool::Model& model = spool->model();
  REQUIRE(model.images.size() == 2);
  CHECK(model.images[0].counted_from_ticks.count(hot) == 1);
  CHECK(model.images[0].counted_from_ticks.at(hot) < ticks / 2);
  CHECK(spool::totals_of(model).stray_ends == 0);
  CHECK(spool::totals_of(model).cut_calls == 0);
}

TEST_CASE("size limit: at last all functions are counted", "[size_limit]") {
  constexpr uint64_t kBytes = 400'000;
  constexpr uint32_t kFunctions = 3000;
  Recording run(kArena, ClockKind::kMonotonic, at_most(kBytes));
  std::minstd_rand random(3);
  Sums truth;
  FakeProcess process(run, 100, 1000);
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < kFunctions; ++i) {
    ids.push_back(process.c("f" + std::to_string(i)));
  }
  FakeThread thread = process.thread(100);
  uint64_t ticks = 5000;
  for (int i = 0; i < 300'000; ++i) {
    const auto which = static_cast<uint32_t>(random() % kFunctions);
    const std::string name = "f" + std::to_string(which);
    thread.enter(ticks += 10, ids[which]);
    thread.leave(ticks += 1 + random() % 100, ids[which]);
    ++truth.calls[name];
    if (i % 1000 == 0) {
      run.drain->pass();
    }
  }
  const auto spool = run.read();
  std::map<std::string, uint64_t> counted_from_ns;
  Sums sums = sums_of(*spool, counted_from_ns);
  CHECK(sums.calls == truth.calls);
  CHECK(counted_from_ns.size() == kFunctions);
  for (const auto& [name, ns] : counted_from_ns) {
    CHECK(sums.last_recorded[name] < ns);
  }
  // Counts of 3,000 functions are in it as well, again for each second that this takes.
  CHECK(run.spool->bytes() < kBytes + 100 * kFunctions);
  CHECK(spool::totals_of(spool->model()).calls > 10'000);
}

TEST_CASE("size limit: a recorder that goes on after another counts what that counted",
          "[size_limit]") {
  spool::Model model;
  spool::ImageInfo image;
  image.counted_from_ticks[17] = 500;
  model.images.push_back(image);
  collector::SizeLimit limit(1'000'000, model);
  const auto counted = limit.of(0, 0, 0);
  REQUIRE(counted != nullptr);
  CHECK(counted->has(17));
  CHECK_FALSE(counted->has(16));
  CHECK(limit.of(1, 0, 0) == nullptr);
  limit.ended(0);
  CHECK(limit.of(0, 0, 0) == nullptr);
}

TEST_CASE("size limit: what two threads are about to store counts for both", "[size_limit]") {
  collector::SizeLimit limit(1000, spool::Model());
  const uint64_t first = limit.reserve(600);
  const uint64_t second = limit.reserve(600);
  CHECK(limit.of(0, first, 0) == nullptr);
  CHECK(limit.of(0, second, 0)->all());
  limit.release(600);
  CHECK(limit.reserve(0) == 600);
}

TEST_CASE("size limit: single calls are recorded again where much room came back", "[size_limit]") {
  collector::SizeLimit limit(1'000'000, spool::Model());
  CHECK(limit.of(0, 1000, 900'000) == nullptr);
  CHECK(limit.of(0, 64'000, 950'000)->all());
  CHECK(limit.of(0, 1000, 950'000)->all());  // less is about to be stored: no room of the spool's
  CHECK(limit.of(0, 1000, 800'000)->all());
  CHECK(limit.of(0, 1000, 700'000) == nullptr);
  CHECK(limit.of(0, 64'000, 950'000)->all());
}

TEST_CASE("size limit: marks are counted by name where all is counted", "[size_limit]") {
  constexpr uint64_t kBytes = 100'000;
  constexpr uint64_t kMarks = 20'000;
  Recording run(kArena, ClockKind::kMonotonic, at_most(kBytes));
  std::minstd_rand random(3);
  FakeProcess process(run, 100, 1000);
  const uint32_t names[] = {
      process.function(FunctionKind::kInstant, "raise ValueError", "exception"),
      process.function(FunctionKind::kCounter, "x", "variable")};
  const uint32_t f = process.python("f");
  FakeThread thread = process.thread(100);
  uint64_t ticks = 5000;
  thread.enter(ticks, f);
  for (uint64_t i = 0; i < kMarks; ++i) {
    std::string value(40, '\0');
    std::generate(value.begin(), value.end(), [&] { return static_cast<char>(random()); });
    const bool counter = i % 4 == 0;
    thread.mark(ticks += 100,
                counter ? NoteKind::kCounter : NoteKind::kInstant,
                names[counter ? 1 : 0],
                value);
    if (i % 100 == 0) {
      run.drain->pass();
    }
  }
  thread.leave(ticks += 100, f);
  const auto spool = run.read();
  CHECK(run.spool->bytes() < kBytes + 2000);
  const spool::Model& model = spool->model();
  uint64_t recorded = 0;
  uint64_t last_ns = 0;
  std::string buffer;
  spool::FrameDecoder decoder;
  spool::DecodedFrame decoded;
  for (const spool::FrameInfo& frame : model.frames) {
    REQUIRE(decoder.decode(spool->read_body(frame, buffer).value(), decoded).has_value());
    recorded += decoded.notes.size();
    last_ns = decoded.notes.empty() ? last_ns : decoded.notes.back().ticks;
  }
  const report::LeftOut left_out =
      report::left_out_of(model, spool::ClockMap(ClockKind::kMonotonic, model.clock));
  CHECK(recorded > 500);
  CHECK(recorded + left_out.all_marks == kMarks);
  CHECK(left_out.marks_from_ns > last_ns);
  REQUIRE(left_out.marks.size() == 2);
  for (const report::LeftOutFunction& one : left_out.marks) {
    const bool counter = one.function->name == "x";
    CHECK(one.calls < (counter ? kMarks / 4 : kMarks / 4 * 3));
    CHECK(one.calls > (counter ? kMarks / 8 : kMarks / 2));
  }
  CHECK(left_out.calls == 0);
  CHECK(spool::totals_of(model).calls == 1);
}

TEST_CASE("size limit: with the newest kept, what is to be dropped takes little of the room",
          "[size_limit]") {
  constexpr uint64_t kBytes = 400'000;
  session::CallLimits limits = at_most(kBytes);
  limits.newest_calls = 200;
  Recording run(kArena, ClockKind::kMonotonic, limits);
  std::minstd_rand random(3);
  uint64_t ticks = 5000;
  uint64_t most_taken = 0;
  // One process after the other: of each, what is surplus goes when it ends.
  for (uint32_t number = 0; number < 20; ++number) {
    FakeProcess process(run, 100 + number, ticks);
    const uint32_t f = process.python("f");
    FakeThread thread = process.thread(100 + number);
    for (int i = 0; i < 20'000; ++i) {
      thread.enter(ticks += 1 + random() % 1000, f);
      thread.leave(ticks += 1 + random() % 1000, f);
      if (i % 1000 == 0) {
        run.drain->pass();
        most_taken = std::max(most_taken, run.spool->bytes_taken());
      }
    }
    thread.finish();
    run.drain->pass();
    run.kill(number);
    run.drain->pass();
  }
  const auto spool = run.read();
  CHECK(most_taken < kBytes / 2);
  CHECK(spool->model().images.at(19).left_out.empty());
  CHECK(spool->model().dropped.size() == 20);
}

}  // namespace vtn::test

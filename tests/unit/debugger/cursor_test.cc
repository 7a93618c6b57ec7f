// SPDX-License-Identifier: Apache-2.0
//
// Every way to go through a thread, from anywhere, against a walk through all of its ops.
#include "debugger/cursor.h"

#include "debugger/passed_marks.h"
#include "debugger/search.h"
#include "tests/unit/debugger/naive_thread.h"

namespace vtn::test {
namespace {

using debugger::Cursor;
using debugger::Direction;
using debugger::Timeline;
using debugger::Went;

template <class T>
T value_of(Result<T> result) {
  if (!result) {
    FAIL(result.error().message);
  }
  return *result;
}

void check(const Status& status) {
  if (!status) {
    FAIL(status.error().message);
  }
}

struct Case {
  std::string name;
  uint32_t seed;
  size_t steps;
  uint64_t newest_calls;
};
const Case kCases[] = {{"some frames", 1, 4000, 0},
                       {"many frames", 2, 30'000, 0},
                       {"the oldest were dropped", 3, 30'000, 6000},
                       {"a handful of calls", 4, 20, 0}};

// Each thread of each recording.
template <class Use>
void each_thread(Use&& use) {
  for (const Case& one : kCases) {
    RandomRecording made(one.seed, one.steps, one.newest_calls);
    const auto recording = made.read();
    REQUIRE_FALSE(recording->threads().empty());
    for (const uint32_t thread : recording->threads()) {
      INFO(one.name << ", thread " << recording->number_of(thread));
      const NaiveThread naive(*recording, thread);
      Timeline timeline(*recording, thread);
      REQUIRE(timeline.ops() == naive.ops.size());
      use(*recording, timeline, naive, made.random());
    }
  }
}

std::string arguments_text(const Timeline& timeline, const Timeline::Told& told) {
  std::string text;
  if (told.note != nullptr) {
    for (const auto& [name, value] :
         debugger::texts_of_arguments(timeline.image(), 0, {told.note, nullptr, nullptr})) {
      text += name + "=" + value + ";";
    }
  }
  return text;
}

// What the op that a move should end behind tells of the time.
uint64_t now_of(const debugger::Recording& recording, const NaiveThread& naive, uint64_t place) {
  return place == 0 ? 0 : recording.since_zero(naive.ops[place - 1].ns);
}

}  // namespace

TEST_CASE("debugger: the recordings that are asked about have what there can be", "[debugger]") {
  size_t gaps = 0;
  size_t dropped = 0;
  size_t open = 0;
  size_t empty_frames = 0;
  size_t frames = 0;
  each_thread([&](const debugger::Recording& recording,
                  Timeline& timeline,
                  const NaiveThread& naive,
                  auto&) {
    for (const NaiveOp& op : naive.ops) {
      gaps += op.gap ? 1 : 0;
    }
    dropped += naive.at_first.size();
    open += timeline.info().open.size();
    for (const uint32_t frame : recording.frames_of(timeline.thread())) {
      empty_frames += recording.model().frames[frame].ops == 0 ? 1 : 0;
      ++frames;
    }
  });
  CHECK(gaps > 10);
  CHECK(dropped > 10);
  CHECK(open > 10);
  CHECK(empty_frames > 10);
  CHECK(frames > 300);
}

TEST_CASE("debugger: moves end where a walk through all calls ends", "[debugger]") {
  each_thread([](const debugger::Recording& recording,
                 Timeline& timeline,
                 const NaiveThread& naive,
                 auto& random) {
    Cursor cursor(timeline);
    uint64_t place = 0;
    const uint64_t ops = naive.ops.size();
    for (int i = 0; i < 3000; ++i) {
      if (random() % 10 == 0) {
        place = random() % (ops + 1);
        check(cursor.go(place));
      }
      const uint64_t from = place;
      const uint64_t depth = naive.depth(place);
      Went went = Went::kThere;
      bool forward = true;
      const uint32_t what = random() % 7;
      switch (what) {
        case 0:
          went = value_of(cursor.step());
          place = std::min(ops, place + 1);
          break;
        case 1:
          went = value_of(cursor.step_back());
          place = place == 0 ? 0 : place - 1;
          forward = false;
          break;
        case 2:
          went = value_of(cursor.next());
          place = naive.next(place);
          break;
        case 3:
          went = value_of(cursor.next_back());
          place = naive.next_back(place);
          forward = false;
          break;
        case 4: {
          const uint32_t level = depth == 0 ? 0 : static_cast<uint32_t>(random() % depth);
          went = value_of(cursor.leave(level));
          place = depth == 0 ? naive.next(place) : naive.behind_end(place, level);
          break;
        }
        case 5: {
          const uint32_t level = depth == 0 ? 0 : static_cast<uint32_t>(random() % depth);
          went = value_of(cursor.leave_back(level));
          place = depth == 0 ? naive.next_back(place) : naive.before_begin(place, level);
          forward = false;
          break;
        }
        default: {
          const auto line = static_cast<uint32_t>(random() % 60);
          went = value_of(cursor.until(line));
          place = naive.until(place, line);
          break;
        }
      }
      INFO("move " << what << " from " << from);
      REQUIRE(cursor.place() == place);
      REQUIRE(cursor.now_ns() == now_of(recording, naive, place));
      // Nowhere exactly where nothing moved.
      REQUIRE((went == Went::kNowhere) == (from == place));
      if (went == Went::kToEnd || went == Went::kToBeginning) {
        REQUIRE(place == (forward ? ops : 0));
      }
    }
  });
}

TEST_CASE("debugger: the stack of any place, with starts, lines and arguments", "[debugger]") {
  each_thread(
      [](const debugger::Recording&, Timeline& timeline, const NaiveThread& naive, auto& random) {
        for (int i = 0; i < 200; ++i) {
          const uint64_t place = random() % (naive.ops.size() + 1);
          const std::vector<NaiveOpen> wanted = naive.stack(place);
          const auto found = value_of(timeline.stack_at(place));
          REQUIRE(found.size() == wanted.size());
          REQUIRE(value_of(timeline.depth_at(place)) == wanted.size());
          for (uint32_t level = 0; level < wanted.size(); ++level) {
            INFO("place " << place << ", level " << level);
            REQUIRE(found[level].function == wanted[level].id);
            REQUIRE(found[level].start_ns == wanted[level].start_ns);
            REQUIRE(found[level].line == wanted[level].line);
            REQUIRE(found[level].number == wanted[level].number);
            REQUIRE(found[level].begin.has_value() == (wanted[level].begin >= 0));
            if (found[level].begin) {
              REQUIRE(static_cast<int64_t>(*found[level].begin) == wanted[level].begin);
              const auto told = value_of(timeline.arguments_of(place, level));
              REQUIRE(arguments_text(timeline, told) == wanted[level].arguments);
            }
            const auto end = value_of(timeline.end_of(place, level));
            const uint64_t behind = naive.behind_end(place, level);
            const bool ends = behind != naive.ops.size() || naive.depth(behind) <= level;
            REQUIRE(end.has_value() == ends);
            if (end) {
              REQUIRE(*end + 1 == behind);
              const auto told = value_of(timeline.return_value_of(*end));
              REQUIRE((told.note == nullptr ? "" : report::value_text(*told.note)) ==
                      naive.ops[*end].value);
            }
          }
        }
      });
}

TEST_CASE("debugger: jumps to times and calls", "[debugger]") {
  each_thread([](const debugger::Recording& recording,
                 Timeline& timeline,
                 const NaiveThread& naive,
                 auto& random) {
    const uint64_t last_ns = naive.ops.empty() ? 0 : naive.ops.back().ns;
    for (int i = 0; i < 500; ++i) {
      const uint64_t ns = recording.zero_ns() + random() % (last_ns + 1000 - recording.zero_ns());
      REQUIRE(value_of(timeline.place_at(ns)) == naive.place_at(ns));
      Cursor cursor(timeline);
      check(cursor.go_to_time(ns - recording.zero_ns()));
      REQUIRE(cursor.place() == naive.place_at(ns));
      REQUIRE(cursor.now_ns() == ns - recording.zero_ns());
    }
    uint64_t number = naive.at_first.size();
    for (uint64_t op = 0; op < naive.ops.size(); ++op) {
      if (naive.ops[op].begin && !naive.ops[op].gap) {
        ++number;
        if (number % 7 == 0 || number < 20) {
          REQUIRE(value_of(timeline.begin_of_number(number)) == op);
          REQUIRE(value_of(timeline.number_at(op)) == number);
        }
      }
    }
    REQUIRE(timeline.calls() == number);
    for (uint64_t before = 1; before <= naive.at_first.size(); ++before) {
      REQUIRE_FALSE(value_of(timeline.begin_of_number(before)).has_value());
    }
  });
}

TEST_CASE("debugger: searches find the nearest call, forward and backward", "[debugger]") {
  each_thread([](const debugger::Recording&,
                 Timeline& timeline,
                 const NaiveThread& naive,
                 auto& random) {
    for (const char* text : {"rare", "f1", "Class.*", "*en*", "x.py:5", "y.py:44"}) {
      const auto pattern = value_of(debugger::FunctionPattern::parse(text));
      const std::vector<bool> ids = pattern.ids_of(timeline.image());
      REQUIRE_FALSE(ids.empty());
      for (int i = 0; i < 40; ++i) {
        const uint64_t place = random() % (naive.ops.size() + 1);
        const auto is_one = [&](uint64_t op) {
          return naive.ops[op].begin && naive.ops[op].id < ids.size() && ids[naive.ops[op].id];
        };
        std::optional<uint64_t> ahead;
        for (uint64_t op = place; op < naive.ops.size() && !ahead; ++op) {
          ahead = is_one(op) ? std::optional(op) : ahead;
        }
        std::optional<uint64_t> behind;
        for (uint64_t op = place; op > 0 && !behind; --op) {
          behind = is_one(op - 1) ? std::optional(op - 1) : behind;
        }
        INFO(text << " from " << place);
        REQUIRE(value_of(debugger::find_call(timeline, ids, place, Direction::kForward)) == ahead);
        REQUIRE(value_of(debugger::find_call(timeline, ids, place, Direction::kBackward)) ==
                behind);
      }
    }
    for (int i = 0; i < 100; ++i) {
      const uint64_t place = random() % (naive.ops.size() + 1);
      const std::string text = std::to_string(random() % 2000);
      const auto holds = [&](const NaiveOp& op) {
        const size_t begin = std::min(op.arguments.find('='), op.arguments.size());
        return (op.begin ? op.arguments.substr(begin) : op.value).find(text) != text.npos;
      };
      std::optional<uint64_t> ahead;
      for (uint64_t op = place; op < naive.ops.size() && !ahead; ++op) {
        ahead = holds(naive.ops[op]) ? std::optional(op) : ahead;
      }
      std::optional<uint64_t> behind;
      for (uint64_t op = place; op > 0 && !behind; --op) {
        behind = holds(naive.ops[op - 1]) ? std::optional(op - 1) : behind;
      }
      INFO(text << " from " << place);
      REQUIRE(value_of(debugger::find_value(timeline, text, place, Direction::kForward)) == ahead);
      REQUIRE(value_of(debugger::find_value(timeline, text, place, Direction::kBackward)) ==
              behind);
    }
  });
}

TEST_CASE("debugger: the longest calls of a function in all threads", "[debugger]") {
  for (const Case& one : kCases) {
    RandomRecording made(one.seed, one.steps, one.newest_calls);
    const auto recording = made.read();
    std::map<uint32_t, std::unique_ptr<Timeline>> timelines;
    for (const uint32_t thread : recording->threads()) {
      timelines[thread] = std::make_unique<Timeline>(*recording, thread);
    }
    for (const char* text : {"f1", "rare", "Class.f*", "generator"}) {
      const auto pattern = value_of(debugger::FunctionPattern::parse(text));
      std::multimap<uint64_t, std::tuple<uint32_t, uint64_t, uint64_t>> wanted;  // by ns
      for (const uint32_t thread : recording->threads()) {
        const NaiveThread naive(*recording, thread);
        const std::vector<bool> ids = pattern.ids_of(recording->image_of(thread));
        std::vector<NaiveOpen> open = naive.at_first;
        const auto ended = [&](uint64_t ns) {
          const NaiveOpen& call = open.back();
          if (call.id < ids.size() && ids[call.id]) {
            wanted.emplace(ns - call.start_ns, std::tuple(thread, call.start_ns, call.number));
          }
          open.pop_back();
        };
        for (uint64_t i = 0; i < naive.ops.size(); ++i) {
          const NaiveOp& op = naive.ops[i];
          if (op.begin) {
            open.push_back({op.id, op.ns, op.line, op.number, static_cast<int64_t>(i), ""});
          } else {
            ended(op.ns);
          }
        }
        const uint64_t end_ns =
            recording->picture().processes[recording->process_of(thread).number].end_ns;
        while (!open.empty()) {
          ended(std::max(end_ns, open.back().start_ns));
        }
      }
      const auto found = value_of(debugger::longest_calls(
          *recording,
          [&](uint32_t thread) -> Timeline& { return *timelines[thread]; },
          pattern,
          5));
      INFO(one.name << ", " << text);
      REQUIRE(found.size() == std::min<size_t>(5, wanted.size()));
      auto next = wanted.rbegin();
      for (const debugger::LongCall& call : found) {
        REQUIRE(call.took_ns == next->first);
        const auto [first, last] = wanted.equal_range(call.took_ns);
        REQUIRE(std::any_of(first, last, [&](const auto& same) {
          return same.second == std::tuple(call.thread, call.start_ns, call.number);
        }));
        ++next;
      }
    }
  }
}

TEST_CASE("debugger: marks that have passed, and the newest values", "[debugger]") {
  for (const Case& one : kCases) {
    RandomRecording made(one.seed, one.steps, one.newest_calls);
    const auto recording = made.read();
    std::map<uint32_t, std::unique_ptr<Timeline>> timelines;
    std::map<uint32_t, std::unique_ptr<NaiveThread>> naive;
    for (const uint32_t thread : recording->threads()) {
      timelines[thread] = std::make_unique<Timeline>(*recording, thread);
      naive[thread] = std::make_unique<NaiveThread>(*recording, thread);
    }
    for (int i = 0; i < 150; ++i) {
      const uint32_t thread = recording->threads()[made.random()() % recording->threads().size()];
      const NaiveThread& own = *naive[thread];
      uint64_t now_ns = recording->zero_ns() + made.random()() % (recording->length_ns() + 1);
      const uint64_t place = own.place_at(now_ns);
      const auto passed = [&](const NaiveMark& mark, uint64_t behind) {
        return mark.before < behind || (mark.before == behind && mark.ns <= now_ns);
      };
      INFO(one.name << ", thread " << thread << " at " << place);
      std::vector<const NaiveMark*> all;
      for (const NaiveMark& mark : own.marks) {
        if (passed(mark, place)) {
          all.push_back(&mark);
        }
      }
      const auto found = value_of(debugger::last_marks(*timelines[thread], place, now_ns, 7));
      REQUIRE(found.size() == std::min<size_t>(7, all.size()));
      for (size_t n = 0; n < found.size(); ++n) {
        const NaiveMark& mark = *all[all.size() - found.size() + n];
        REQUIRE(found[n].ns == mark.ns);
        REQUIRE(found[n].value == mark.value);
        REQUIRE(found[n].counter == mark.counter);
      }
      for (const auto which : {debugger::Values::kCounters, debugger::Values::kVariables}) {
        std::map<uint64_t, std::pair<uint64_t, std::string>> newest;  // by name: time and value
        for (const uint32_t other : recording->threads()) {
          if (recording->thread(other).image != recording->thread(thread).image) {
            continue;
          }
          const uint64_t behind = other == thread ? place : naive[other]->place_at(now_ns);
          for (const NaiveMark& mark : naive[other]->marks) {
            if (passed(mark, behind) && mark.counter == (which == debugger::Values::kCounters) &&
                (!newest.contains(mark.name) || newest[mark.name].first <= mark.ns)) {
              newest[mark.name] = {mark.ns, mark.value};
            }
          }
        }
        const auto values = value_of(debugger::newest_values(
            *timelines[thread],
            [&](uint32_t other) -> Timeline& { return *timelines[other]; },
            place,
            now_ns,
            which));
        REQUIRE(values.size() == newest.size());
        auto wanted = newest.begin();
        for (const debugger::PassedMark& value : values) {
          REQUIRE(value.ns == wanted->second.first);
          REQUIRE(value.value == wanted->second.second);
          ++wanted;
        }
      }
    }
  }
}

}  // namespace vtn::test

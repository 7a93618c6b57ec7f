// SPDX-License-Identifier: Apache-2.0
//
// Which functions are switched off (--budget), and when.
#include "collector/call_budget.h"

#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "base/freestanding/atomic.h"
#include "tests/support/catch.h"

namespace vtn::test {
namespace {

constexpr uint64_t kSecond = 1000;
constexpr uint32_t kHot = 20;
constexpr uint32_t kGenerator = 22;  // 23: where it goes on
constexpr uint32_t kOfC = 24;

struct Fixture {
  std::unique_ptr<char[]> memory{new char[kControlBytes]()};
  tracer::Arena arena{memory.get(), nullptr};
  collector::FunctionTraits traits;
  collector::CallBudget::Counts counts;

  Fixture() {
    traits.set(kHot, FunctionKind::kPython, 0);
    traits.set(kGenerator, FunctionKind::kPython, 0);
    traits.set(kGenerator + 1, FunctionKind::kPython, kFunctionResumed);
    traits.set(kOfC, FunctionKind::kC, 0);
  }

  std::vector<std::pair<uint32_t, uint32_t>> switched_off() const {
    std::vector<std::pair<uint32_t, uint32_t>> all;
    for (uint32_t i = 0; i < load_acquire(&arena.control->switched_off); ++i) {
      all.emplace_back(arena.switched_off[i].slot, arena.switched_off[i].id);
    }
    return all;
  }
};

// So many calls, one a tick, from `ticks` on.
std::vector<uint64_t> calls_of(uint32_t id, uint64_t count) {
  std::vector<uint64_t> words;
  for (uint64_t i = 0; i < count; ++i) {
    words.push_back(event_word(i, EventKind::kEnter, id));
    words.push_back(event_word(i, EventKind::kLeave, id));
  }
  return words;
}

void add(Fixture& fixture,
         collector::CallBudget& budget,
         uint32_t slot,
         const std::vector<uint64_t>& words,
         uint64_t base_ticks) {
  budget.add(slot, {words, base_ticks, base_ticks + 100 * kSecond}, fixture.traits, fixture.counts);
}

}  // namespace

TEST_CASE("call budget: more than so many calls in one second", "[call_budget]") {
  Fixture fixture;
  collector::CallBudget budget(100, kSecond, fixture.arena);
  add(fixture, budget, 3, calls_of(kHot, 100), 5 * kSecond);
  CHECK(fixture.switched_off().empty());
  SECTION("of the next second they count anew") {
    add(fixture, budget, 3, calls_of(kHot, 100), 6 * kSecond);
    CHECK(fixture.switched_off().empty());
  }
  SECTION("of another process they are others") {
    add(fixture, budget, 4, calls_of(kHot, 100), 5 * kSecond);
    CHECK(fixture.switched_off().empty());
  }
  SECTION("of another thread they add up, once") {
    add(fixture, budget, 3, calls_of(kHot, 1), 5 * kSecond + 999);
    CHECK(fixture.switched_off() == std::vector<std::pair<uint32_t, uint32_t>>{{3, kHot}});
    add(fixture, budget, 3, calls_of(kHot, 500), 7 * kSecond);
    CHECK(fixture.switched_off().size() == 1);
  }
  SECTION("a chunk that is late counts for the second it is of") {
    add(fixture, budget, 3, calls_of(kHot, 60), 6 * kSecond);
    add(fixture, budget, 3, calls_of(kHot, 1), 5 * kSecond + 500);
    CHECK(fixture.switched_off().size() == 1);
  }
  SECTION("one of a second long gone does not") {
    add(fixture, budget, 3, calls_of(kHot, 60), 7 * kSecond);
    add(fixture, budget, 3, calls_of(kHot, 50), 5 * kSecond);
    CHECK(fixture.switched_off().empty());
  }
  SECTION("the slot's next process has another budget") {
    budget.ended(3);
    add(fixture, budget, 3, calls_of(kHot, 100), 5 * kSecond);
    CHECK(fixture.switched_off().empty());
  }
}

TEST_CASE("call budget: a chunk of several seconds", "[call_budget]") {
  Fixture fixture;
  collector::CallBudget budget(600, kSecond, fixture.arena);
  add(fixture, budget, 1, calls_of(kHot, 1100), 500);  // 500 in the first second, 600 in the next
  CHECK(fixture.switched_off().empty());
  add(fixture, budget, 1, calls_of(kHot, 1), 2 * kSecond - 1);
  CHECK(fixture.switched_off().size() == 1);
}

TEST_CASE("call budget: what goes on counts as a call, what is of C does not", "[call_budget]") {
  Fixture fixture;
  collector::CallBudget budget(100, kSecond, fixture.arena);
  add(fixture, budget, 1, calls_of(kOfC, 900), 0);
  CHECK(fixture.switched_off().empty());
  add(fixture, budget, 1, calls_of(kGenerator, 50), 0);
  add(fixture, budget, 1, calls_of(kGenerator + 1, 51), 0);
  CHECK(fixture.switched_off() == std::vector<std::pair<uint32_t, uint32_t>>{{1, kGenerator}});
}

TEST_CASE("call budget: bases that change, notes and stamps from the future", "[call_budget]") {
  Fixture fixture;
  collector::CallBudget budget(2, kSecond, fixture.arena);
  std::vector<uint64_t> words = {
      event_word(1, EventKind::kEnter, kHot),
      note_word(1, NoteKind::kCallerLine, 1),
      event_word(1, EventKind::kEnter, kHot),  // a payload
      event_word(2, EventKind::kEnter, kHot),
      opcode_word(0, Opcode::kResync, 1),
      7 * kSecond,
      event_word(1, EventKind::kEnter, kHot),
      event_word(2, EventKind::kEnter, kHot),
      event_word(1000 * kSecond, EventKind::kEnter, kHot),
      0,
      event_word(3, EventKind::kEnter, kHot),
  };
  add(fixture, budget, 1, words, 0);
  CHECK(fixture.switched_off().empty());
  words[9] = event_word(3, EventKind::kEnter, kHot);
  add(fixture, budget, 2, words, 0);
  CHECK(fixture.switched_off() == std::vector<std::pair<uint32_t, uint32_t>>{{2, kHot}});
}

TEST_CASE("call budget: any words do no harm, and the list has an end", "[call_budget]") {
  Fixture fixture;
  collector::CallBudget budget(1, kSecond, fixture.arena);
  std::minstd_rand random(7);
  for (int round = 0; round < 500; ++round) {
    std::vector<uint64_t> words(200);
    for (uint64_t& word : words) {
      word = (uint64_t{random()} << 33) ^ random();
      word = random() % 2 == 0 ? word
                               : event_word(random() % 5000, EventKind::kEnter, 16 + random() % 9);
    }
    add(fixture, budget, random() % 4, words, random() % 2 == 0 ? 0 : UINT64_MAX - random());
  }
  store_relaxed(&fixture.arena.control->switched_off, kMaxSwitchedOff - 1);
  collector::CallBudget full(1, kSecond, fixture.arena);
  add(fixture, full, 1, calls_of(kHot, 5), 0);
  add(fixture, full, 1, calls_of(kGenerator, 5), 0);
  CHECK(fixture.switched_off().size() == kMaxSwitchedOff);
  CHECK(fixture.switched_off().back() == std::pair<uint32_t, uint32_t>{1, kHot});
}

}  // namespace vtn::test

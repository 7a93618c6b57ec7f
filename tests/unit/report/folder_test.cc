// SPDX-License-Identifier: Apache-2.0
//
// Calls that are put together because they are short: against the definition in folder.h, followed
// to the letter on a tree of calls.
#include "report/fold/folder.h"

#include <map>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "report/fold/durations.h"
#include "tests/support/catch.h"

namespace vtn::test {
namespace {

using report::CallRow;
using report::FoldRow;

struct Call {
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  uint32_t function = 0;
  uint32_t flags = 0;
  bool holds_mark = false;
  std::vector<Call> inner;
};

std::string text_of(const CallRow& row) {
  return fmt::format("{}-{} f{} flags {}",
                     row.start_ns,
                     row.end_ns,
                     row.function,
                     row.flags & report::kRowFlagsShown);
}

std::string text_of(uint64_t start_ns,
                    uint64_t end_ns,
                    uint64_t busy_ns,
                    uint64_t calls,
                    uint64_t raised,
                    const std::map<uint32_t, uint64_t>& functions) {
  std::string text = fmt::format(
      "{}-{} fold: busy {}, {} calls, {} raised:", start_ns, end_ns, busy_ns, calls, raised);
  for (const auto& [function, count] : functions) {
    text += fmt::format(" {}xf{}", count, function);
  }
  return text;
}

using Rows = std::map<uint32_t, std::vector<std::string>>;  // by depth

// A Sink that keeps what it is told.
struct Kept {
  Rows rows;
  uint64_t calls = 0;
  uint64_t folded = 0;
  std::vector<uint32_t> payloads;
  std::vector<uint32_t> forgotten;

  void call(uint32_t depth, const CallRow& row) {
    rows[depth].push_back(text_of(row));
    ++calls;
    if (row.payload != report::kNoPayload) {
      payloads.push_back(row.payload);
    }
  }
  void fold(uint32_t depth, const FoldRow& row) {
    std::map<uint32_t, uint64_t> functions;
    for (const report::FunctionCount& count : row.functions) {
      functions[count.function] += count.calls;
      folded += count.calls;
    }
    CHECK(functions.size() == row.functions.size());
    rows[depth].push_back(
        text_of(row.start_ns, row.end_ns, row.busy_ns, row.calls, row.raised, functions));
  }
  void forget(uint32_t payload) { forgotten.push_back(payload); }
};

// A Sink that folds once more.
struct Further {
  report::Folder<Kept>& next;
  void call(uint32_t depth, const CallRow& row) { next.call(depth, row); }
  void fold(uint32_t depth, const FoldRow& row) { next.fold(depth, row); }
  void forget(uint32_t /*payload*/) {}
};

// The definition.
class Definition {
 public:
  explicit Definition(uint64_t threshold_ns) : threshold_ns_(threshold_ns) {}

  void draw(const std::vector<Call>& calls, uint32_t depth) {
    std::vector<const Call*> group;
    for (const Call& call : calls) {
      const bool is_short = is_short_call(call);
      const bool near = !group.empty() && call.start_ns - group.back()->end_ns < threshold_ns_;
      if (!group.empty() && !(is_short && near)) {
        draw_group(group, depth);
        group.clear();
      }
      if (is_short) {
        group.push_back(&call);
      } else {
        rows[depth].push_back(text_of(
            CallRow{call.start_ns, call.end_ns, call.function, call.flags, report::kNoPayload}));
        draw(call.inner, depth + 1);
      }
    }
    draw_group(group, depth);
  }

  Rows rows;

 private:
  static bool is_pinned(const Call& call) {
    if ((call.flags & report::kRowPinned) != 0 || call.holds_mark) {
      return true;
    }
    for (const Call& inner : call.inner) {
      if (is_pinned(inner)) {
        return true;
      }
    }
    return false;
  }
  bool is_short_call(const Call& call) const {
    return call.end_ns - call.start_ns < threshold_ns_ && !is_pinned(call);
  }
  static void count(const Call& call,
                    uint64_t& calls,
                    uint64_t& raised,
                    std::map<uint32_t, uint64_t>& functions) {
    ++calls;
    raised += (call.flags & report::kRowRaised) != 0 ? 1 : 0;
    ++functions[call.function];
    for (const Call& inner : call.inner) {
      count(inner, calls, raised, functions);
    }
  }
  void draw_group(const std::vector<const Call*>& group, uint32_t depth) {
    if (group.empty()) {
      return;
    }
    if (group.size() == 1 && group.front()->inner.empty()) {
      const Call& call = *group.front();
      rows[depth].push_back(text_of(
          CallRow{call.start_ns, call.end_ns, call.function, call.flags, report::kNoPayload}));
      return;
    }
    uint64_t busy_ns = 0;
    uint64_t calls = 0;
    uint64_t raised = 0;
    std::map<uint32_t, uint64_t> functions;
    for (const Call* call : group) {
      busy_ns += call->end_ns - call->start_ns;
      count(*call, calls, raised, functions);
    }
    rows[depth].push_back(
        text_of(group.front()->start_ns, group.back()->end_ns, busy_ns, calls, raised, functions));
  }

  const uint64_t threshold_ns_;
};

constexpr uint32_t kFunctions = 12;

class Tree {
 public:
  explicit Tree(uint32_t seed) : random_(seed) {}

  std::vector<Call> calls(uint32_t depth) {
    std::vector<Call> made;
    const size_t count = depth == 0 ? 400 : random_() % (depth > 6 ? 2 : 5);
    for (size_t i = 0; i < count; ++i) {
      now_ns_ += 1 + (random_() % 8 == 0 ? random_() % 5000 : random_() % 20);
      Call& call = made.emplace_back();
      call.start_ns = now_ns_;
      call.function = random_() % kFunctions;
      call.flags = random_() % 10 == 0 ? uint32_t{report::kRowRaised} : 0;
      if (random_() % 60 == 0) {
        call.flags |= report::kRowCut | report::kRowPinned;
      }
      call.holds_mark = random_() % 80 == 0;
      if (depth < 9 && random_() % 2 == 0) {
        call.inner = calls(depth + 1);
      }
      now_ns_ += 1 + (random_() % 16 == 0 ? random_() % 3000 : random_() % 30);
      call.end_ns = now_ns_;
      ++all;
    }
    return made;
  }

  uint64_t all = 0;

 private:
  std::mt19937 random_;
  uint64_t now_ns_ = 1000;
};

template <class Folder>
void walk(Folder& folder, const std::vector<Call>& calls, uint32_t depth, uint32_t& payload) {
  for (const Call& call : calls) {
    walk(folder, call.inner, depth + 1, payload);
    if (call.holds_mark) {
      folder.pin(depth + 1);
    }
    folder.call(depth, CallRow{call.start_ns, call.end_ns, call.function, call.flags, ++payload});
  }
}

Kept folded(const std::vector<Call>& calls, uint64_t threshold_ns) {
  Kept kept;
  report::Folder<Kept> folder(kept, threshold_ns, kFunctions);
  uint32_t payload = 0;
  walk(folder, calls, 0, payload);
  folder.finish();
  return kept;
}

}  // namespace

TEST_CASE("Calls fold as the definition says", "[fold]") {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    Tree tree(seed);
    const std::vector<Call> calls = tree.calls(0);
    for (const uint64_t threshold_ns : {0, 1, 10, 40, 100, 1000, 20'000, 100'000'000}) {
      const Kept kept = folded(calls, threshold_ns);
      Definition definition(threshold_ns);
      definition.draw(calls, 0);
      CAPTURE(seed, threshold_ns);
      CHECK(kept.rows == definition.rows);
      CHECK(kept.calls + kept.folded == tree.all);
      CHECK(kept.payloads.size() + kept.forgotten.size() == tree.all);
    }
  }
}

TEST_CASE("Folding twice is folding once", "[fold]") {
  for (uint32_t seed = 100; seed < 110; ++seed) {
    const std::vector<Call> calls = Tree(seed).calls(0);
    for (const uint64_t first_ns : {0, 20, 200}) {
      for (const uint64_t then_ns : {400, 5000}) {
        Kept kept;
        report::Folder<Kept> then(kept, static_cast<uint64_t>(then_ns), kFunctions);
        Further further{then};
        report::Folder<Further> first(further, static_cast<uint64_t>(first_ns), kFunctions);
        struct Both {
          report::Folder<Further>& first;
          report::Folder<Kept>& then;
          bool pins_both;
          void call(uint32_t depth, const CallRow& row) { first.call(depth, row); }
          void pin(uint32_t depth) {
            first.pin(depth);
            if (pins_both) {
              then.pin(depth);
            }
          }
        } both{first, then, first_ns == 0};
        uint32_t payload = 0;
        walk(both, calls, 0, payload);
        first.finish();
        then.finish();
        CAPTURE(seed, first_ns, then_ns);
        CHECK(kept.rows == folded(calls, static_cast<uint64_t>(then_ns)).rows);
      }
    }
  }
}

TEST_CASE("A long fold keeps little in memory and counts on", "[fold]") {
  Kept kept;
  report::Folder<Kept> folder(kept, 1000, 2);
  constexpr uint64_t kCalls = 1'000'000;
  for (uint64_t i = 0; i < kCalls; ++i) {
    folder.call(0, CallRow{10 * i + 1, 10 * i + 5, static_cast<uint32_t>(i % 2), 0, 0});
  }
  folder.finish();
  REQUIRE(kept.rows[0].size() == 1);
  CHECK(kept.rows[0][0] ==
        "1-9999995 fold: busy 4000000, 1000000 calls, 0 raised: 500000xf0 500000xf1");
}

TEST_CASE("The threshold keeps the rows within their number", "[fold]") {
  report::Durations durations;
  CHECK(durations.threshold_ns(10) == 0);
  for (uint64_t ns = 0; ns < 100'000; ++ns) {
    durations.add(ns);
  }
  CHECK(durations.calls() == 100'000);
  CHECK(durations.threshold_ns(100'000) == 0);
  for (const uint64_t most : {50'000, 10'000, 1'000, 100}) {
    const uint64_t threshold_ns = durations.threshold_ns(most);
    const uint64_t kept = 100'000 - std::min<uint64_t>(threshold_ns, 100'000);
    CHECK(kept * 22 / 10 <= most);
    // The bucket below would be too much, and it is an eighth of a doubling.
    CHECK((100'000 - threshold_ns * 7 / 8) * 22 / 10 > most);
  }
  // Calls that are far apart stay alone, however short they are.
  report::Durations sparse;
  for (int i = 0; i < 10'000; ++i) {
    sparse.add(40);
    sparse.add_gap(150);
  }
  CHECK(sparse.threshold_ns(1000) > 150);
  report::Durations extremes;
  extremes.add(UINT64_MAX);
  extremes.add(UINT64_MAX - 1);
  CHECK(extremes.threshold_ns(1) == UINT64_MAX);
}

}  // namespace vtn::test

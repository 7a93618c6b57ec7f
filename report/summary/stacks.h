// SPDX-License-Identifier: Apache-2.0
//
// Where the time went, by stack: for each thread a tree of who was called by whom by whom.
//
// A recursion makes many stacks, and deep ones, so a thread has at most so many, none deeper than
// so much. Where one more would be needed, its calls are put together below their caller, and so is
// all that they call: counted and timed like all others, but without a name.
#pragma once

#include <unordered_map>
#include <utility>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "report/formats.h"
#include "report/picture.h"
#include "report/summary/functions.h"
#include "spool/reader.h"

namespace vtn::report {

inline constexpr uint32_t kMostStacksOfThread = 1u << 18;
inline constexpr uint32_t kDeepestStack = 1024;
inline constexpr uint32_t kNoStack = 0xffff'ffff;

struct Stack {
  uint32_t caller;  // index of the stack below it, which comes before; kNoStack
  uint32_t depth;   // functions, itself included
  FunctionIndex function;
  uint64_t calls = 0;
  uint64_t own_ns = 0;  // of its calls and slices, less what they called
};

// Of a stack its functions, innermost first.
template <class Visit>
void visit_functions(const std::vector<Stack>& stacks, const Stack& stack, Visit&& visit) {
  for (const Stack* at = &stack; at != nullptr;
       at = at->caller == kNoStack ? nullptr : &stacks[at->caller]) {
    visit(at->function);
  }
}

// By the model's threads. Own times of a thread's stacks add up to that of its functions
// (totals.h).
using ThreadStacks = std::vector<Stack>;

// Finds the stacks of one thread: a Visitor of CallWalk (call_walk.h), or a part of one.
// Thread-bound.
class StackFinder {
 public:
  using Mark = uint32_t;  // index of the stack

  explicit StackFinder(uint32_t most) : most_(most) {}

  Mark begin(const Mark* caller, FunctionIndex function, bool resumed) {
    const uint32_t below = caller == nullptr ? kNoStack : *caller;
    uint32_t stack = latest_of(below).stack;
    // A loop calls what it called before.
    if (stack == kNoStack || latest_of(below).function != function) {
      stack = find(below, function);
      latest_of(below) = {function, stack};
    }
    stacks_[stack].calls += resumed ? 0 : 1;
    return stack;
  }

  void end(Mark stack, uint64_t own_ns) { stacks_[stack].own_ns += own_ns; }

  ThreadStacks take() { return std::move(stacks_); }

 private:
  struct Latest {
    FunctionIndex function = kNoFunction;
    uint32_t stack = kNoStack;
  };

  Latest& latest_of(uint32_t below) { return below == kNoStack ? latest_first_ : latest_[below]; }

  uint32_t find(uint32_t below, FunctionIndex function) {
    if (below != kNoStack && stacks_[below].function == kOtherFunctions) {
      return below;
    }
    const auto known = known_.find(key_of(below, function));
    if (known != known_.end()) {
      return known->second;
    }
    if (stacks_.size() < most_ && depth_above(below) <= kDeepestStack) {
      return add(below, function);
    }
    const auto others = known_.find(key_of(below, kOtherFunctions));
    return others != known_.end() ? others->second : add(below, kOtherFunctions);
  }

  uint32_t depth_above(uint32_t below) const {
    return below == kNoStack ? 1 : stacks_[below].depth + 1;
  }

  uint32_t add(uint32_t below, FunctionIndex function) {
    const auto stack = static_cast<uint32_t>(stacks_.size());
    stacks_.push_back({below, depth_above(below), function});
    latest_.emplace_back();
    known_.emplace(key_of(below, function), stack);
    return stack;
  }

  static uint64_t key_of(uint32_t below, FunctionIndex function) {
    return uint64_t{below} << 32 | function;
  }

  const uint32_t most_;
  ThreadStacks stacks_;
  std::vector<Latest> latest_;  // what each stack called last
  Latest latest_first_;
  std::unordered_map<uint64_t, uint32_t> known_;  // by caller and function
};

// One pass in order over the recording that the picture is of.
Result<std::vector<ThreadStacks>> find_stacks(const spool::Reader& spool,
                                              const Picture& picture,
                                              uint32_t most_of_thread,
                                              unsigned workers,
                                              const Progress& progress);

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
//
// Where the time went, by stack: for each thread a tree of who was called by whom by whom.
//
// A recursion, or a test suite, makes many stacks, and deep ones, so a thread has at most so many,
// none deeper than so much. Where one more would be needed, those that have taken the least time so
// far are put together below their caller, with all that they call: counted and timed like all
// others, but without a name. What takes long has its name whenever it comes, but a heavy stack
// may lack the time of its first calls.
#pragma once

#include <unordered_map>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "report/formats.h"
#include "report/picture.h"
#include "report/summary/functions.h"
#include "spool/reader.h"

namespace vtn::report {

inline constexpr uint32_t kMostStacksOfThread = 1u << 16;
inline constexpr uint32_t kDeepestStack = 1024;
inline constexpr uint32_t kNoStack = 0xffff'ffff;

struct Stack {
  uint32_t caller;  // index of the stack below it, which comes before; kNoStack
  uint32_t depth;   // functions, itself included
  FunctionIndex function;
  uint32_t open = 0;  // of its calls, while they are walked through
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
    ++stacks_[stack].open;
    return stack;
  }

  void end(Mark stack, uint64_t own_ns) {
    stacks_[stack].own_ns += own_ns;
    --stacks_[stack].open;
  }

  // Callers first.
  ThreadStacks take();

 private:
  static constexpr uint32_t kFree = 0;  // depth of a place without a stack

  struct Latest {
    FunctionIndex function = kNoFunction;
    uint32_t stack = kNoStack;
  };

  Latest& latest_of(uint32_t below) { return below == kNoStack ? latest_first_ : latest_[below]; }

  uint32_t find(uint32_t below, FunctionIndex function);

  uint32_t others_of(uint32_t below);

  // Makes room, if there is much to be made: puts the lightest stacks together, but for those with
  // open calls, which are marked by their place. A quarter of the most that there may be stays by
  // name, each with others below it, so that half is free. Each time costs about what it takes to
  // find that many stacks.
  bool thin_out();

  // Whoever takes at least as long as what it calls goes no earlier than that.
  void put_together(const std::vector<uint32_t>& order,
                    const std::vector<uint64_t>& total_ns,
                    uint64_t most_ns);

  static bool may_go(const Stack& stack) {
    return stack.open == 0 && stack.function != kOtherFunctions;
  }

  std::vector<uint32_t> by_depth() const;

  size_t used() const { return stacks_.size() - free_.size(); }

  uint32_t depth_above(uint32_t below) const {
    return below == kNoStack ? 1 : stacks_[below].depth + 1;
  }

  uint32_t add(uint32_t below, FunctionIndex function);

  static uint64_t key_of(uint32_t below, FunctionIndex function) {
    return uint64_t{below} << 32 | function;
  }

  const uint32_t most_;
  ThreadStacks stacks_;
  std::vector<uint32_t> free_;  // places of stacks that were put together
  bool thinned_out_ = false;
  uint32_t wanted_ = 0;         // stacks, since then
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

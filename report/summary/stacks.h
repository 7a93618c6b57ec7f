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

// One pass in order over the recording that the picture is of.
Result<std::vector<ThreadStacks>> find_stacks(const spool::Reader& spool,
                                              const Picture& picture,
                                              uint32_t most_of_thread,
                                              unsigned workers,
                                              const Progress& progress);

}  // namespace vtn::report

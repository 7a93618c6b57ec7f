// SPDX-License-Identifier: Apache-2.0
//
// Where the time went, exactly: for each function of each thread
//
//   calls   that began, and of a recursion the outermost ones by themselves as well; a generator
//           that is resumed begins another slice, but no call
//   own     the time of its calls and slices less that of the calls in them
//   total   the time of its calls; of a recursion only the outermost one counts
//
// What is open at the end of a thread's record counts up to where it is drawn to. Losses (gaps) are
// nobody's own time.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "report/fold/durations.h"
#include "report/formats.h"
#include "report/summary/functions.h"
#include "report/summary/stacks.h"
#include "spool/reader.h"

namespace vtn::report {

struct FunctionTotals {
  uint64_t calls = 0;
  uint64_t outermost_calls = 0;  // of these
  uint64_t own_ns = 0;
  uint64_t total_ns = 0;

  void add(const FunctionTotals& other) {
    calls += other.calls;
    outermost_calls += other.outermost_calls;
    own_ns += other.own_ns;
    total_ns += other.total_ns;
  }
};

struct ThreadTotals {
  std::vector<std::pair<FunctionIndex, FunctionTotals>> functions;  // those that were called
  // (caller, callee) -> what the callee did when called from there. Only where asked for.
  std::map<std::pair<FunctionIndex, FunctionIndex>, FunctionTotals> edges;
  ThreadStacks stacks;  // only where asked for
  uint64_t own_ns = 0;  // of all functions: the time in which any call was open
  uint64_t calls = 0;
};

struct CallTotals {
  std::vector<ThreadTotals> threads;  // by the model's index
  Durations durations;                // of calls and slices. Only where asked for

  uint64_t calls() const {
    uint64_t sum = 0;
    for (const ThreadTotals& thread : threads) {
      sum += thread.calls;
    }
    return sum;
  }
};

// What is wanted beside the sums of functions.
enum class AlsoAdd {
  kNothing,
  kEdges,
  kDurations,
  kDurationsAndStacks,  // of each thread at most kMostStacksOfThread
};

// One pass in order over the recording.
Result<CallTotals> add_up(const spool::Reader& spool,
                          AlsoAdd also,
                          unsigned workers,
                          const Progress& progress);

// A function as a reader knows it, whatever images have it.
struct NamedTotals {
  const spool::FunctionInfo* function = nullptr;  // null: all that nobody has named
  FunctionTotals totals;
};

// The functions of these threads put together by name, place and kind; those with the most own time
// first, then by name.
std::vector<NamedTotals> by_function(const spool::Model& model,
                                     const CallTotals& totals,
                                     const std::vector<uint32_t>& threads);

// The threads of each process, by its number.
std::vector<std::vector<uint32_t>> threads_by_process(const spool::Model& model);

}  // namespace vtn::report

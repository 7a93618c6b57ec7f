// SPDX-License-Identifier: Apache-2.0
//
// What a recording does not hold because that was asked for: functions that are hidden (--only,
// --hide, --mine, ...), whose time is their callers' own; and calls that a limit left out
// (--min_duration, --max_stack_depth, --exclude_subtree, --max_size), which were counted, as were
// marks. Of all processes together. And of each process the calls and marks that were dropped for
// newer ones (--tracer_entries), and the functions that were switched off (--budget).
#pragma once

#include <string>
#include <vector>

#include <stdint.h>

#include "report/process_tree.h"
#include "spool/clock_map.h"
#include "spool/model.h"

namespace vtn::report {

struct LeftOutFunction {
  const spool::FunctionInfo* function = nullptr;  // of the model; null: without a name
  uint64_t calls = 0;
  uint64_t total_ns = 0;  // a call that lies in another of the function counts again
  // CLOCK_MONOTONIC: from then on its calls are counted, not recorded (--max_size); 0: they are
  // not.
  uint64_t counted_from_ns = 0;
};

struct LeftOut {
  std::vector<LeftOutFunction> limited;            // those with the most time first
  std::vector<const spool::FunctionInfo*> hidden;  // by file, line and name; each once
  uint64_t calls = 0;                              // of the limited ones
  size_t counted = 0;                              // functions that are counted from some time on
  uint64_t counted_from_ns = 0;                    // the first of them
  std::vector<LeftOutFunction> marks;              // by name: as many as it says calls
  uint64_t all_marks = 0;                          // of them
  uint64_t marks_from_ns = 0;                      // the first of them
  uint64_t start_ns = 0;                           // of the recording

  // "from 3.21 s on"
  std::string since_text(uint64_t ns) const;
};
LeftOut left_out_of(const spool::Model& model, const spool::ClockMap& clock);

struct DroppedCalls {
  const ProcessInfo* process = nullptr;  // of the tree
  uint64_t calls = 0;
  uint64_t marks = 0;
  uint64_t ended_threads = 0;  // that the calls were all of, and that are not shown any more
  uint64_t until_ns = 0;       // CLOCK_MONOTONIC: from then on all is there
  uint64_t first_ns = 0;       // so long after the recording's start
};
// In the order of the tree.
std::vector<DroppedCalls> dropped_calls_of(const spool::Model& model,
                                           const ProcessTree& tree,
                                           const spool::ClockMap& clock);

// "12 calls and 3 marks of 4711 x.py in the first 3.21 s, all that 2 threads did among them"
std::string dropped_text(const DroppedCalls& dropped);

struct SwitchedOffFunction {
  const ProcessInfo* process = nullptr;           // of the tree
  const spool::FunctionInfo* function = nullptr;  // of the model; null: without a name
  uint64_t from_ns = 0;   // CLOCK_MONOTONIC: calls that begin later are not recorded
  uint64_t after_ns = 0;  // so long after the recording's start
};
// In the order of the tree, then of time.
std::vector<SwitchedOffFunction> switched_off_of(const spool::Model& model,
                                                 const ProcessTree& tree,
                                                 const spool::ClockMap& clock);

// "visit (x.py:3) of 4711 x.py from 3.21 s on"
std::string switched_off_text(const SwitchedOffFunction& off);

// "--mine --hide json"; empty: all was recorded.
std::string recorded_with(const spool::Model& model);

// All of that as lines, function by function; empty: all was recorded.
std::string left_out_text(const spool::Model& model,
                          const ProcessTree& tree,
                          const spool::ClockMap& clock);

// As members of a JSON object:
// "recorded_with":[...],"left_out":[...],"left_out_marks":[...],"hidden":[...],"dropped":[...],
// "switched_off":[...]
std::string left_out_json(const spool::Model& model,
                          const ProcessTree& tree,
                          const spool::ClockMap& clock);

}  // namespace vtn::report

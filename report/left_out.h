// SPDX-License-Identifier: Apache-2.0
//
// What a recording does not hold because that was asked for: functions that are hidden (--only,
// --hide, --mine, ...), whose time is their callers' own; and calls that a limit left out
// (--min_duration, --max_stack_depth, --exclude_subtree), which were counted. Of all processes
// together.
#pragma once

#include <string>
#include <vector>

#include <stdint.h>

#include "spool/clock_map.h"
#include "spool/model.h"

namespace vtn::report {

struct LeftOutFunction {
  const spool::FunctionInfo* function = nullptr;  // of the model; null: without a name
  uint64_t calls = 0;
  uint64_t total_ns = 0;  // a call that lies in another of the function counts again
};

struct LeftOut {
  std::vector<LeftOutFunction> limited;            // those with the most time first
  std::vector<const spool::FunctionInfo*> hidden;  // by file, line and name; each once
  uint64_t calls = 0;                              // of the limited ones
};
LeftOut left_out_of(const spool::Model& model, const spool::ClockMap& clock);

// "--mine --hide json"; empty: all was recorded.
std::string recorded_with(const spool::Model& model);

// As members of a JSON object: "recorded_with":[...],"left_out":[...],"hidden":[...]
std::string left_out_json(const spool::Model& model, const spool::ClockMap& clock);

}  // namespace vtn::report

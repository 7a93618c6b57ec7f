// SPDX-License-Identifier: Apache-2.0
//
// What else had happened up to a place: instants, values of counters and of variables. Those of the
// timeline's own thread are in the order in which they were recorded, those of others count by
// time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "debugger/timeline.h"

namespace vtn::debugger {

struct PassedMark {
  uint64_t ns = 0;    // CLOCK_MONOTONIC
  std::string name;   // "x"
  std::string value;  // as repr() has it; empty: none
  std::string more;   // "key=value, ..."
  std::string category;
  bool counter = false;
};

// The last ones of the thread, up to `most`, in their order. `now_ns` (CLOCK_MONOTONIC) decides of
// what lies between the op before the place and the one behind it.
Result<std::vector<PassedMark>> last_marks(Timeline& timeline,
                                           uint64_t place,
                                           uint64_t now_ns,
                                           size_t most);

enum class Values { kCounters, kVariables };
// Of each counter, or of each variable that was logged, of the timeline's program, the newest value
// in any of its threads. By name.
Result<std::vector<PassedMark>> newest_values(Timeline& timeline,
                                              const std::function<Timeline&(uint32_t)>& timeline_of,
                                              uint64_t place,
                                              uint64_t now_ns,
                                              Values which);

}  // namespace vtn::debugger

// SPDX-License-Identifier: Apache-2.0
//
// Times as the debugger writes and reads them: exact to the nanosecond, in the unit that suits.
#pragma once

#include <string>
#include <string_view>

#include <stdint.h>

#include "base/result.h"

namespace vtn::debugger {

// "950 ns", "12.034 us", "1.500000 ms", "3.000000001 s"
std::string time_text(uint64_t ns);

struct AskedTime {
  uint64_t ns = 0;
  int sign = 0;  // 1, -1: it counts from where one is
};
// "1.5s", "200 ms", "12us", "950ns", "+5ms", "-5ms"; a number without a unit counts microseconds,
// as in VizTracer's reports. An error says what is not a time.
Result<AskedTime> parse_time(std::string_view text);

}  // namespace vtn::debugger

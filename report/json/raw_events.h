// SPDX-License-Identifier: Apache-2.0
//
// Events of Chrome's trace format that a program gave as they are (kFunctionIsRaw): their "ts" is
// in us of the monotonic clock, and the file may count from another time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <stdint.h>

#include "report/json/events.h"
#include "spool/codec.h"

namespace vtn::report {

// The event as it stands in the file, without a comma: its time moved to where it lies among the
// others, and with the thread's pid and tid where it names none. None: it is damaged.
// `own_ns`: the mark's own time, on the file's clock; `offset_ns`: what is taken off every time.
std::optional<std::string> json_raw_event(const spool::Note& note,
                                          const JsonTrack& track,
                                          uint64_t own_ns,
                                          uint64_t offset_ns);

// A number of us, later by `shift_ns`, to the digit; what is no number stays what it is.
std::string moved_time(std::string_view us, int64_t shift_ns);

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
//
// What a gap is called where people read of it, and back. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "abi/event_abi.h"
#include "spool/columns.h"

namespace vtn::spool {

// "7 events lost: the recorder did not keep up", "not recorded: recording was paused".
std::string gap_name(const Special& gap);

// False: that is no gap's name.
bool read_gap_name(std::string_view name, uint64_t& lost_events, GapReason& reason);

}  // namespace vtn::spool

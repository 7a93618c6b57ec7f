// SPDX-License-Identifier: Apache-2.0
//
// What was recorded, on another time: stamps of one clock become those of another. Frames keep what
// they say, and their order.
#pragma once

#include <string>
#include <string_view>

#include <stdint.h>

#include "base/result.h"
#include "spool/clock_map.h"
#include "spool/codec.h"
#include "spool/columns.h"

namespace vtn::spool {

// From ticks of one recording to the stamps of another. Immutable: thread-safe.
class Retiming {
 public:
  // Every stamp stays what it is.
  Retiming() : map_(ClockKind::kMonotonic, {}), same_(true) {}
  // Nanoseconds, `offset_ns` added.
  Retiming(ClockMap map, uint64_t origin_ticks, int64_t offset_ns)
      : map_(std::move(map)), origin_ticks_(origin_ticks), offset_ns_(offset_ns), same_(false) {}

  bool same() const { return same_; }
  // 0 is no stamp, and stays 0.
  uint64_t stamp(uint64_t ticks) const {
    return same_ || ticks == 0 ? ticks : shifted(map_.to_ns(ticks));
  }
  // So many ticks, wherever.
  uint64_t duration(uint64_t ticks) const {
    return same_ ? ticks : map_.to_ns(origin_ticks_ + ticks) - map_.to_ns(origin_ticks_);
  }
  // Of CLOCK_MONOTONIC.
  uint64_t shifted(uint64_t ns) const {
    return same_ ? ns : ns + static_cast<uint64_t>(offset_ns_);
  }
  const ClockMap& map() const { return map_; }

 private:
  ClockMap map_;
  uint64_t origin_ticks_ = 0;
  int64_t offset_ns_ = 0;
  bool same_;
};

// The frame as it would have been put together with the other clock; `to` borrows its notes. An
// error: it contradicts itself.
Status retime_frame(const DecodedFrame& frame, const Retiming& retiming, FrameColumns& to);

// Stamps in the words of a names stream (names_abi.h), as many as are whole records.
void retime_names(std::string& words, const Retiming& retiming);

}  // namespace vtn::spool

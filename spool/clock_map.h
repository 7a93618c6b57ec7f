// SPDX-License-Identifier: Apache-2.0
//
// Ticks to nanoseconds of CLOCK_MONOTONIC, by interpolation between the triples that the collector
// took while the program ran. Integer arithmetic throughout. Stamps that are at least the spool's
// tick_step apart stay different. Immutable: thread-safe.
#pragma once

#include <vector>

#include <stdint.h>

#include "abi/session_abi.h"
#include "spool/format.h"

namespace vtn::spool {

__extension__ typedef unsigned __int128 Uint128;

// What two stamps of one thread differ by, at least: 1 ns and a little more, whatever the triples.
constexpr uint32_t tick_step_of(ClockKind kind) { return kind == ClockKind::kTsc ? 8 : 1; }

class ClockMap {
 public:
  // Triples that go backwards, or claim a clock slower than 1/4 or faster than 6 ticks a
  // nanosecond, are left out. None at all: a tick counts as a nanosecond.
  ClockMap(ClockKind kind, const std::vector<ClockTriple>& triples);

  uint64_t to_ns(uint64_t ticks) const { return convert(segment_at(ticks), ticks); }

  // REALTIME less MONOTONIC at the last triple; 0 without one.
  uint64_t realtime_base_ns() const { return realtime_base_ns_; }
  uint64_t first_ns() const { return segments_.front().ns; }

 private:
  struct Segment {
    uint64_t ticks;  // from here
    uint64_t ns;
    uint64_t rate;       // ns per tick, with kRateBits binary places
    uint64_t end_ticks;  // to here
  };
  static constexpr unsigned kRateBits = 56;

  static uint64_t convert(const Segment& segment, uint64_t ticks) {
    if (__builtin_expect(ticks < segment.ticks, 0)) {
      return segment.ns;  // before the clock began
    }
    return segment.ns +
           static_cast<uint64_t>((static_cast<Uint128>(ticks - segment.ticks) * segment.rate) >>
                                 kRateBits);
  }
  const Segment& segment_at(uint64_t ticks) const;

  std::vector<Segment> segments_;  // never empty; the first reaches down, the last up for ever
  uint64_t realtime_base_ns_ = 0;

 public:
  // HOT PATH. For stamps that mostly go up: remembers the segment.
  class Cursor {
   public:
    explicit Cursor(const ClockMap& map) : map_(map), segment_(map.segments_.data()) {}
    uint64_t operator()(uint64_t ticks) {
      if (__builtin_expect(ticks < segment_->ticks || ticks >= segment_->end_ticks, 0)) {
        segment_ = &map_.segment_at(ticks);
      }
      return convert(*segment_, ticks);
    }

   private:
    const ClockMap& map_;
    const Segment* segment_;
  };
};

// How long after a triple the next one is taken, `elapsed_ns` after the first: ever more rarely, so
// that a recording of days does not grow by them.
constexpr uint64_t clock_interval_ns(uint64_t elapsed_ns) {
  constexpr uint64_t kLeastNs = 1'000'000'000;
  constexpr uint64_t kPart = 64;
  return elapsed_ns / kPart > kLeastNs ? elapsed_ns / kPart : kLeastNs;
}

// Reads the three clocks as nearly at once as can be had: the best of a few tries.
ClockTriple read_clock_triple(ClockKind kind);

// Ticks of the clock in a nanosecond, by the first of the triples and one of now: waits a moment
// where both clocks have run too little since then to be compared.
double measured_ticks_per_ns(ClockKind kind, const std::vector<ClockTriple>& triples);

}  // namespace vtn::spool

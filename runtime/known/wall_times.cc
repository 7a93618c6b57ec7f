// SPDX-License-Identifier: Apache-2.0
#include "runtime/known/wall_times.h"

#include <time.h>

#include "tracer/clock.h"
#include "tracer/engine.h"

namespace vtn::runtime {

namespace {

struct Clocks {
  uint64_t ticks;
  uint64_t monotonic_ns;
  int64_t wall_ns;
};

// The best of a few, so that no pause in between is taken for time that one clock alone went on.
Clocks read_clocks() {
  constexpr int kTrials = 3;
  const ClockKind kind = tracer::g_engine.clock;
  Clocks best = {};
  uint64_t least = UINT64_MAX;
  for (int trial = 0; trial < kTrials; ++trial) {
    timespec wall;
    const uint64_t before = tracer::read_ticks(kind);
    const uint64_t monotonic_ns = tracer::monotonic_ns();
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    const uint64_t taken = tracer::read_ticks(kind) - before;
    if (taken < least) {
      least = taken;
      best = {before + taken / 2,
              monotonic_ns,
              static_cast<int64_t>(wall.tv_sec) * 1'000'000'000 + wall.tv_nsec};
    }
  }
  return best;
}

Clocks g_start;

}  // namespace

void start_wall_times() { g_start = read_clocks(); }

WallTimes::WallTimes() {
  const Clocks now = read_clocks();
  now_ticks_ = now.ticks;
  now_wall_ns_ = now.wall_ns;
  const uint64_t passed_ns = now.monotonic_ns - g_start.monotonic_ns;
  ticks_per_ns_ = passed_ns == 0 ? 1
                                 : static_cast<double>(now.ticks - g_start.ticks) /
                                       static_cast<double>(passed_ns);
}

uint64_t WallTimes::ticks_of(int64_t wall_ns, bool* exact) const {
  const double ago = static_cast<double>(now_wall_ns_ - wall_ns) * ticks_per_ns_;
  const auto most = static_cast<double>(now_ticks_ - g_start.ticks);
  *exact = ago >= 0 && ago <= most;
  return ago < 0      ? now_ticks_
         : ago > most ? g_start.ticks
                      : now_ticks_ - static_cast<uint64_t>(ago);
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. The clock of event words: the TSC where the kernel itself trusts it (the launcher
// decides), CLOCK_MONOTONIC in nanoseconds otherwise. A read costs about 8 or 20 ns.
// Freestanding, thread-safe, signal-safe, child-safe.
#pragma once

#include <stdint.h>
#include <time.h>

#include "abi/session_abi.h"

namespace vtn::tracer {

#ifdef VTN_FAKE_CLOCK
// Test builds set the time themselves.
inline uint64_t g_fake_ticks = 1;
inline uint64_t read_ticks(ClockKind) { return g_fake_ticks; }
#else
inline uint64_t read_ticks(ClockKind kind) {
  if (__builtin_expect(kind == ClockKind::kTsc, 1)) {
    return __builtin_ia32_rdtsc();
  }
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}
#endif

inline uint64_t monotonic_ns() { return read_ticks(ClockKind::kMonotonic); }

}  // namespace vtn::tracer

// SPDX-License-Identifier: Apache-2.0
#include "spool/clock_map.h"

#include <algorithm>

#include <time.h>

#include "tracer/clock.h"

namespace vtn::spool {

namespace {

uint64_t now_realtime_ns() {
  struct timespec now = {};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

// Is (ns per tick) within what clocks do?
bool plausible(uint64_t ticks, uint64_t ns) {
  return ticks != 0 && ns != 0 && ns / ticks < 4 && ticks / ns < 6;
}

}  // namespace

ClockMap::ClockMap(ClockKind kind, const std::vector<ClockTriple>& triples) {
  std::vector<ClockTriple> kept;
  constexpr uint64_t kLimit = uint64_t{1} << 62;  // so that no sum below overflows
  for (const ClockTriple& triple : triples) {
    if (triple.ticks < kLimit && triple.monotonic_ns < kLimit &&
        (kept.empty() ||
         (triple.ticks > kept.back().ticks && triple.monotonic_ns > kept.back().monotonic_ns &&
          plausible(triple.ticks - kept.back().ticks,
                    triple.monotonic_ns - kept.back().monotonic_ns)))) {
      kept.push_back(triple);
    }
  }
  if (!kept.empty() && kept.back().realtime_ns > kept.back().monotonic_ns) {
    realtime_base_ns_ = kept.back().realtime_ns - kept.back().monotonic_ns;
  }
  constexpr uint64_t kOne = uint64_t{1} << kRateBits;
  if (kind != ClockKind::kTsc || kept.size() < 2) {
    // Ticks are nanoseconds; or nobody can tell.
    const uint64_t ticks = kept.empty() || kind != ClockKind::kTsc ? 0 : kept[0].ticks;
    const uint64_t ns = kept.empty() || kind != ClockKind::kTsc ? 0 : kept[0].monotonic_ns;
    segments_.push_back(Segment{ticks, ns, kOne, UINT64_MAX});
    return;
  }
  for (size_t i = 0; i + 1 < kept.size(); ++i) {
    const uint64_t ticks = kept[i + 1].ticks - kept[i].ticks;
    const uint64_t ns = kept[i + 1].monotonic_ns - kept[i].monotonic_ns;
    const auto rate = static_cast<uint64_t>((static_cast<Uint128>(ns) << kRateBits) / ticks);
    segments_.push_back(Segment{kept[i].ticks, kept[i].monotonic_ns, rate, kept[i + 1].ticks});
  }
  segments_.back().end_ticks = UINT64_MAX;
  // The first goes back to where either clock would have been 0.
  Segment& first = segments_.front();
  const auto to_zero = static_cast<Uint128>(first.ns) << kRateBits;
  const uint64_t back = static_cast<uint64_t>(std::min<Uint128>(to_zero / first.rate, first.ticks));
  const auto back_ns =
      static_cast<uint64_t>((static_cast<Uint128>(back) * first.rate) >> kRateBits);
  if (back_ns <= first.ns) {
    first.ticks -= back;
    first.ns -= back_ns;
  }
}

const ClockMap::Segment& ClockMap::segment_at(uint64_t ticks) const {
  auto after = std::upper_bound(
      segments_.begin(), segments_.end(), ticks, [](uint64_t value, const Segment& segment) {
        return value < segment.ticks;
      });
  return after == segments_.begin() ? segments_.front() : *(after - 1);
}

ClockTriple read_clock_triple(ClockKind kind) {
  ClockTriple best = {};
  uint64_t best_width = UINT64_MAX;
  for (int i = 0; i < 5; ++i) {
    const uint64_t before = tracer::read_ticks(kind);
    const uint64_t monotonic_ns = tracer::monotonic_ns();
    const uint64_t after = tracer::read_ticks(kind);
    const uint64_t realtime_ns = now_realtime_ns();
    if (after - before < best_width) {
      best_width = after - before;
      best = ClockTriple{before + (after - before) / 2, monotonic_ns, realtime_ns};
    }
  }
  if (kind == ClockKind::kMonotonic) {
    best.ticks = best.monotonic_ns;
  }
  return best;
}

double measured_ticks_per_ns(ClockKind kind, const std::vector<ClockTriple>& triples) {
  constexpr uint64_t kLeastNs = 5'000'000;
  if (kind != ClockKind::kTsc || triples.empty()) {
    return 1;
  }
  const ClockTriple& first = triples.front();
  const uint64_t elapsed_ns = tracer::monotonic_ns() - first.monotonic_ns;
  if (elapsed_ns < kLeastNs) {
    const struct timespec rest = {0, static_cast<long>(kLeastNs - elapsed_ns)};
    (void)nanosleep(&rest, nullptr);
  }
  const ClockTriple now = read_clock_triple(kind);
  return static_cast<double>(now.ticks - first.ticks) /
         static_cast<double>(now.monotonic_ns - first.monotonic_ns);
}

}  // namespace vtn::spool

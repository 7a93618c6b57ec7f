// SPDX-License-Identifier: Apache-2.0
//
// How long calls took, and how long after one another they began within the same call, counted in
// buckets, eight to each doubling: from it follows below which duration calls must be folded
// (folder.h) so that a report keeps within a number of rows.
#pragma once

#include <algorithm>
#include <array>
#include <bit>

#include <stddef.h>
#include <stdint.h>

namespace vtn::report {

class Durations {
 public:
  void add(uint64_t ns) { ++calls_[bucket_of(ns)]; }
  void add_gap(uint64_t ns) { ++gaps_[bucket_of(ns)]; }
  void add(const Durations& other) {
    for (size_t i = 0; i < calls_.size(); ++i) {
      calls_[i] += other.calls_[i];
      gaps_[i] += other.gaps_[i];
    }
  }

  // The least T with which no more than `most_rows` rows are to be expected; 0: nothing needs to be
  // folded. Each call that is kept has, over many programs, up to 1.1 folds beside it: this counts
  // with 1.2. Where calls are further apart than they are long, each gap ends a fold. Pinned calls
  // and the first row of each thread come on top.
  uint64_t threshold_ns(uint64_t most_rows) const {
    if (calls() <= most_rows) {
      return 0;
    }
    uint64_t kept = 0;
    uint64_t gaps = 0;
    for (size_t i = calls_.size(); i-- > 0;) {
      kept += calls_[i];
      gaps += gaps_[i];
      if (kept + std::max(kept * kFoldsOfTenCalls / 10, gaps) > most_rows) {
        return least_of(i + 1);
      }
    }
    return 1;  // all calls fit, but for those that took no time at all
  }

  uint64_t calls() const {
    uint64_t sum = 0;
    for (const uint64_t count : calls_) {
      sum += count;
    }
    return sum;
  }

 private:
  static constexpr uint64_t kFoldsOfTenCalls = 12;
  static constexpr unsigned kBits = 3;

  static size_t bucket_of(uint64_t ns) {
    if (ns < (1u << kBits)) {
      return ns;
    }
    const unsigned shift = static_cast<unsigned>(std::bit_width(ns)) - 1 - kBits;
    return (size_t{shift} << kBits) + (ns >> shift);
  }
  static uint64_t least_of(size_t bucket) {
    if (bucket < (2u << kBits)) {
      return bucket;
    }
    const size_t shift = (bucket >> kBits) - 1;
    const uint64_t top = (bucket & ((1u << kBits) - 1)) + (1u << kBits);
    return shift > 60 ? UINT64_MAX : top << shift;
  }

  // 61 doublings above the first eight numbers.
  using Counts = std::array<uint64_t, (62u << kBits) + 1>;
  Counts calls_ = {};
  Counts gaps_ = {};
};

}  // namespace vtn::report

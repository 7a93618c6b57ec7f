// SPDX-License-Identifier: Apache-2.0
//
// How long calls took, counted in buckets, eight to each doubling: from it follows below which
// duration calls must be folded (folder.h) so that a report keeps within a number of rows.
#pragma once

#include <array>
#include <bit>

#include <stddef.h>
#include <stdint.h>

namespace vtn::report {

class Durations {
 public:
  void add(uint64_t ns) { ++counts_[bucket_of(ns)]; }
  void add(const Durations& other) {
    for (size_t i = 0; i < counts_.size(); ++i) {
      counts_[i] += other.counts_[i];
    }
  }

  // The least T with which no more than `most_rows` rows are to be expected; 0: nothing needs to be
  // folded. Each call that is kept has, over many programs, up to 1.1 folds beside it: this counts
  // with 1.2. Pinned calls and the first row of each thread come on top.
  uint64_t threshold_ns(uint64_t most_rows) const {
    if (calls() <= most_rows) {
      return 0;
    }
    uint64_t kept = 0;
    for (size_t i = counts_.size(); i-- > 0;) {
      kept += counts_[i];
      if (kept * kRowsOfTenCalls / 10 > most_rows) {
        return least_of(i + 1);
      }
    }
    return 1;  // all calls fit, but for those that took no time at all
  }

  uint64_t calls() const {
    uint64_t sum = 0;
    for (const uint64_t count : counts_) {
      sum += count;
    }
    return sum;
  }

 private:
  static constexpr uint64_t kRowsOfTenCalls = 22;
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
  std::array<uint64_t, (62u << kBits) + 1> counts_ = {};
};

}  // namespace vtn::report

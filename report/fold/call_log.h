// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH, after the run. How many calls of which function: each call appends its function to a
// log, of which every group of calls has a part, and a part is counted once, when its group is
// complete. One that gets long is counted in between, so the log has a bounded length for each
// group. Places in it stay what they are when what is in front of them goes. Thread-bound.
#pragma once

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <stddef.h>

#include "report/fold/row.h"

namespace vtn::report {

class CallLog {
 private:
  static constexpr size_t kLong = 4096;

 public:
  // Functions are numbers below `functions`.
  explicit CallLog(size_t functions) : counts_(functions) {}

  // A group's: it ends where the next one's begins, or at the end.
  struct Part {
    size_t begin = 0;
    size_t is_long = kLong;  // entries, from which on it is worth while to count them (once more)
  };

  size_t end() const { return first_ + entries_.size(); }
  void add(uint32_t function) { entries_.push_back({function, 1}); }
  void add(std::span<const FunctionCount> counts) {
    entries_.insert(entries_.end(), counts.begin(), counts.end());
  }

  // Each function once, by number; valid until the next call.
  std::span<const FunctionCount> count(size_t begin, size_t end) {
    counted_.clear();
    for (size_t i = begin - first_; i < end - first_; ++i) {
      const FunctionCount& entry = entries_[i];
      if (counts_[entry.function] == 0) {
        counted_.push_back({entry.function, 0});
      }
      counts_[entry.function] += entry.calls;
    }
    std::sort(counted_.begin(), counted_.end(), [](const FunctionCount& a, const FunctionCount& b) {
      return a.function < b.function;
    });
    for (FunctionCount& entry : counted_) {
      entry.calls = std::exchange(counts_[entry.function], 0);
    }
    return counted_;
  }

  // Of the last part: counts it if it is long.
  void shorten(Part& part) {
    if (end() - part.begin < part.is_long) {
      return;
    }
    (void)count(part.begin, end());
    entries_.resize(part.begin - first_);
    entries_.insert(entries_.end(), counted_.begin(), counted_.end());
    part.is_long = std::max(kLong, 2 * counted_.size());
  }

  // What is in front of there is of no use any more.
  void forget_until(size_t place) {
    if (place == end()) {
      entries_.clear();
      first_ = place;
    } else if (place - first_ > kLong) {
      entries_.erase(entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(place - first_));
      first_ = place;
    }
  }

 private:
  size_t first_ = 0;  // the place of the first entry
  std::vector<FunctionCount> entries_;
  std::vector<FunctionCount> counted_;
  std::vector<uint64_t> counts_;  // by function; all 0 in between
};

}  // namespace vtn::report

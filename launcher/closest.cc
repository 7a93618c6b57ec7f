// SPDX-License-Identifier: Apache-2.0
#include "launcher/closest.h"

#include <algorithm>
#include <vector>

namespace vtn::launcher {

namespace {

// Optimal string alignment distance, three rows at a time.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> above(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    above[j] = j;
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

}  // namespace

std::string closest_match(std::string_view word, std::span<const std::string> candidates) {
  constexpr size_t kLongestWord = 64;  // nobody misspells more, and the work is quadratic
  constexpr size_t kShortestBeginning = 3;
  std::string best;
  size_t best_distance = SIZE_MAX;
  if (word.size() > kLongestWord) {
    return best;
  }
  for (const std::string& candidate : candidates) {
    const bool begins = word.size() >= kShortestBeginning && candidate.starts_with(word);
    const size_t distance = begins ? 1 : edit_distance(word, candidate);
    if (distance < best_distance && distance * 3 <= std::max(word.size(), candidate.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace vtn::launcher

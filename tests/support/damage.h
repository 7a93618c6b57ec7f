// SPDX-License-Identifier: Apache-2.0
//
// Damaged copies of what was written: every byte in turn with one of its bits flipped, and every
// shorter length. What reads them must come back with an answer, soon and in ordinary memory.
#pragma once

#include <string>
#include <string_view>

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

namespace vtn::test {

// Calls `check(copy, what)` for each copy with a flipped bit. All eight bits have their turn within
// eight bytes; `stride` > 1 leaves bytes out.
template <class Check>
void for_each_flip(std::string_view whole, size_t stride, const Check& check) {
  std::string copy(whole);
  for (size_t at = 0; at < whole.size(); at += stride) {
    const char bit = static_cast<char>(1u << ((at * 5 + at / 8) % 8));
    copy[at] = static_cast<char>(copy[at] ^ bit);
    check(copy, "a bit of byte " + std::to_string(at));
    copy[at] = whole[at];
  }
}

// Every number of four bytes in turn as large as can be: counts and sizes.
template <class Check>
void for_each_number(std::string_view whole, const Check& check) {
  constexpr size_t kBytes = sizeof(uint32_t);
  std::string copy(whole);
  for (size_t at = 0; at + kBytes <= whole.size(); at += kBytes) {
    for (const char top : {'\x7f', '\xff'}) {
      copy.replace(at, kBytes, std::string(kBytes - 1, '\xff') + top);
      check(copy, "the number at " + std::to_string(at));
    }
    copy.replace(at, kBytes, whole.substr(at, kBytes));
  }
}

template <class Check>
void for_each_length(std::string_view whole, const Check& check) {
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    check(std::string(whole.substr(0, bytes)), "cut to " + std::to_string(bytes));
  }
}

// The most memory that this process ever used, in KiB.
inline long peak_kib() {
  struct rusage usage = {};
  (void)getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace vtn::test

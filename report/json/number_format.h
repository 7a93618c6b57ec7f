// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. Nanoseconds as microseconds with three decimals, by tables of three digits.
#pragma once

#include <array>

#include <stdint.h>
#include <string.h>

namespace vtn::report {

struct DigitTables {
  char three[1000][4];     // "007\0"
  char fraction[1000][4];  // ".007"
  char brief[1000][4];     // "7\0\0\0"
  uint8_t brief_bytes[1000];
};

constexpr DigitTables make_digit_tables() {
  DigitTables tables = {};
  for (unsigned i = 0; i < 1000; ++i) {
    const char digits[3] = {static_cast<char>('0' + i / 100),
                            static_cast<char>('0' + i / 10 % 10),
                            static_cast<char>('0' + i % 10)};
    tables.fraction[i][0] = '.';
    for (unsigned k = 0; k < 3; ++k) {
      tables.three[i][k] = digits[k];
      tables.fraction[i][k + 1] = digits[k];
    }
    const unsigned skip = i >= 100 ? 0 : i >= 10 ? 1 : 2;
    for (unsigned k = skip; k < 3; ++k) {
      tables.brief[i][k - skip] = digits[k];
    }
    tables.brief_bytes[i] = static_cast<uint8_t>(3 - skip);
  }
  return tables;
}

inline constexpr DigitTables kDigitTables = make_digit_tables();

// Both functions write up to kMaxTimeBytes at `to` (and may scribble on all of them).
inline constexpr size_t kMaxTimeBytes = 32;

inline char* put_decimal(char* to, uint64_t value) {
  char digits[20];
  unsigned count = 0;
  do {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  while (count != 0) {
    *to++ = digits[--count];
  }
  return to;
}

// For short times.
inline char* put_duration(char* to, uint64_t ns) {
  const uint64_t us = ns / 1000;
  if (__builtin_expect(us < 1000, 1)) {
    memcpy(to, kDigitTables.brief[us], 4);
    to += kDigitTables.brief_bytes[us];
  } else if (us < 1'000'000) {
    const uint64_t ms = us / 1000;
    memcpy(to, kDigitTables.brief[ms], 4);
    to += kDigitTables.brief_bytes[ms];
    memcpy(to, kDigitTables.three[us - ms * 1000], 4);
    to += 3;
  } else {
    to = put_decimal(to, us);
  }
  memcpy(to, kDigitTables.fraction[ns - us * 1000], 4);
  return to + 4;
}

// For points in time, which mostly share their seconds with the one before.
class TimeFormat {
 public:
  char* put(char* to, uint64_t ns) {
    const uint64_t seconds = ns / 1'000'000'000;
    if (__builtin_expect(seconds != seconds_, 0)) {
      remember(seconds);
    }
    if (__builtin_expect(seconds == 0, 0)) {
      return put_duration(to, ns);  // no leading zeros
    }
    const auto rest = static_cast<uint32_t>(ns - seconds * 1'000'000'000);
    const uint32_t ms = rest / 1'000'000;
    const uint32_t below_ms = rest - ms * 1'000'000;
    const uint32_t us = below_ms / 1000;
    memcpy(to, text_, sizeof(text_));
    to += bytes_;
    memcpy(to, kDigitTables.three[ms], 4);
    memcpy(to + 3, kDigitTables.three[us], 4);
    memcpy(to + 6, kDigitTables.fraction[below_ms - us * 1000], 4);
    return to + 10;
  }

 private:
  [[gnu::noinline, gnu::cold]] void remember(uint64_t seconds) {
    seconds_ = seconds;
    char digits[20] = {};
    bytes_ = static_cast<unsigned>(put_decimal(digits, seconds) - digits);
    memcpy(text_, digits, sizeof(text_));
  }

  uint64_t seconds_ = UINT64_MAX;
  unsigned bytes_ = 0;
  char text_[16] = {};  // 2^64 ns are 11 digits of seconds
};

}  // namespace vtn::report

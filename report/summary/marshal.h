// SPDX-License-Identifier: Apache-2.0
//
// Values in the format of Python's marshal: a letter, then what belongs to it, little-endian
// (w_object() in Python/marshal.c). Of what is used here any version of Python can read all.
#pragma once

#include <string>
#include <string_view>

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

namespace vtn::report {

// Appends to a text of somebody else's. Not thread-safe.
class Marshal {
 public:
  explicit Marshal(std::string& to) : to_(to) {}

  void begin_dict() { to_ += '{'; }
  void end_dict() { to_ += '0'; }
  void begin_tuple(uint32_t items) {
    to_ += '(';
    put(items);
  }
  void text(std::string_view bytes) {
    const std::string valid = valid_utf8(bytes);
    to_ += 'u';
    put(static_cast<uint32_t>(valid.size()));
    to_ += valid;
  }
  void seconds(uint64_t ns) {
    const double value = static_cast<double>(ns) / 1e9;
    to_ += 'g';
    put(value);
  }
  void number(uint64_t value) {
    if (value <= INT32_MAX) {
      to_ += 'i';
      put(static_cast<int32_t>(value));
      return;
    }
    // Digits of 15 bits, however many.
    constexpr unsigned kDigitBits = 15;
    int32_t digits = 0;
    for (uint64_t rest = value; rest != 0; rest >>= kDigitBits) {
      ++digits;
    }
    to_ += 'l';
    put(digits);
    for (; value != 0; value >>= kDigitBits) {
      put(static_cast<uint16_t>(value & ((1u << kDigitBits) - 1)));
    }
  }

 private:
  template <class Value>
  void put(Value value) {
    char bytes[sizeof(value)];
    memcpy(bytes, &value, sizeof(value));
    to_.append(bytes, sizeof(value));
  }

  std::string& to_;
};

}  // namespace vtn::report

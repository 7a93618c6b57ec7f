// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. Pieces of JSON text. What is read here ends with zeros (kPadding of them), at which
// every loop stops: a caller that meets the end asks for more text and begins again.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <stddef.h>
#include <stdint.h>

namespace vtn::importer {

inline constexpr size_t kPadding = 64;

// A place in JSON text. `failed`: what stands at `at` makes no sense; at the end of the text that
// may mean that more is to follow.
struct JsonCursor {
  const char* at;
  const char* end;  // zeros follow
  bool failed = false;

  void skip_space() {
    while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t') {
      ++at;
    }
  }
  bool take(char wanted) {
    skip_space();
    if (*at != wanted) {
      return false;
    }
    ++at;
    return true;
  }
  bool expect(char wanted) {
    if (!take(wanted)) {
      failed = true;
    }
    return !failed;
  }
  bool fail() {
    failed = true;
    return false;
  }

  // The inside of a string, escapes as they stand.
  bool string(std::string_view& raw);
  // Any value, as it stands. Bare NaN and Infinity, which Python writes, count as values.
  bool value(std::string_view& raw);
  // The next member of an object of which '{' has been taken. False: there is none, or failed.
  bool member(bool& first, std::string_view& key);
  // Whether there is a further element of an array of which '[' has been taken.
  bool element(bool& first);
};

// What a string says. Escapes of half a surrogate pair become what UTF-8 would be of it.
std::string unescaped(std::string_view raw);

// Microseconds in decimal as nanoseconds, rounded to the nearest. None: no number, or none between
// 0 and 2^62 ns.
std::optional<uint64_t> nanoseconds_of(std::string_view microseconds);

std::optional<int64_t> integer_of(std::string_view text);
std::optional<double> float_of(std::string_view text);

}  // namespace vtn::importer

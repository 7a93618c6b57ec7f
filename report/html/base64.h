// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH, after the run. Bytes as letters (RFC 4648, with padding): binary data within a page.
#pragma once

#include <string>
#include <string_view>

namespace vtn::report {

inline void append_base64(std::string& to, std::string_view bytes) {
  static constexpr char kLetters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto* from = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t left = bytes.size();
  const size_t begin = to.size();
  to.resize(begin + (left + 2) / 3 * 4);
  char* at = to.data() + begin;
  for (; left >= 3; left -= 3, from += 3) {
    const unsigned word = static_cast<unsigned>(from[0] << 16 | from[1] << 8 | from[2]);
    *at++ = kLetters[word >> 18];
    *at++ = kLetters[word >> 12 & 63];
    *at++ = kLetters[word >> 6 & 63];
    *at++ = kLetters[word & 63];
  }
  if (left != 0) {
    const unsigned word = static_cast<unsigned>(from[0] << 16 | (left == 2 ? from[1] << 8 : 0));
    *at++ = kLetters[word >> 18];
    *at++ = kLetters[word >> 12 & 63];
    *at++ = left == 2 ? kLetters[word >> 6 & 63] : '=';
    *at++ = '=';
  }
}

}  // namespace vtn::report

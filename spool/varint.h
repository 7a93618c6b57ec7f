// SPDX-License-Identifier: Apache-2.0
//
// LEB128 numbers: seven bits a byte, low ones first.
#pragma once

#include <string>

#include <stddef.h>
#include <stdint.h>

namespace vtn::spool {

inline constexpr size_t kMaxVarintBytes = 10;

// Writes at `to`, which has room for kMaxVarintBytes. Returns the end.
inline char* put_varint(char* to, uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

// Differences, small ones of either sign as small numbers.
inline uint64_t zigzag(uint64_t difference) { return (difference << 1) ^ (0 - (difference >> 63)); }
inline uint64_t unzigzag(uint64_t value) { return (value >> 1) ^ (0 - (value & 1)); }

inline void append_varint(std::string& to, uint64_t value) {
  char bytes[kMaxVarintBytes];
  to.append(bytes, static_cast<size_t>(put_varint(bytes, value) - bytes));
}

// Reads numbers from bytes that nobody vouches for. After the end, or a number that does not fit
// 64 bits, it is `failed` and every further read gives 0.
class VarintReader {
 public:
  VarintReader(const char* begin, const char* end) : at_(begin), end_(end) {}

  uint64_t next() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) {
        break;
      }
      const auto byte = static_cast<unsigned char>(*at_++);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) {
        return value;
      }
    }
    failed_ = true;
    at_ = end_;
    return 0;
  }
  bool failed() const { return failed_; }
  bool at_end() const { return at_ == end_; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  const char* at() const { return at_; }
  // False (and failed) if there are not so many bytes.
  bool skip(size_t bytes) {
    if (bytes > left()) {
      failed_ = true;
      at_ = end_;
      return false;
    }
    at_ += bytes;
    return true;
  }

 private:
  const char* at_;
  const char* end_;
  bool failed_ = false;
};

}  // namespace vtn::spool

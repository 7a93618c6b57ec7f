// SPDX-License-Identifier: Apache-2.0
//
// JSON text a window at a time: what has not been understood yet stays until more has been read.
// Thread-bound.
#pragma once

#include <string>

#include "base/result.h"
#include "importer/byte_source.h"
#include "importer/json/text.h"

namespace vtn::importer {

class JsonInput {
 public:
  // One value that cannot be read piece by piece takes at most so much memory.
  static constexpr size_t kMostWindowBytes = size_t{1} << 30;

  explicit JsonInput(ByteSource& source, size_t window_bytes = size_t{1} << 21)
      : source_(source), window_bytes_(window_bytes) {}

  // At what has not been taken. Valid until more().
  JsonCursor cursor() const { return {window_.data() + at_, window_.data() + filled_}; }
  // Everything in front of the cursor is done with.
  void take(const JsonCursor& cursor) { at_ = static_cast<size_t>(cursor.at - window_.data()); }
  // Reads on. False: the text ends.
  Result<bool> more();
  // The next byte that is no space; 0: the text ends. It is not taken.
  Result<char> peek();

  uint64_t offset_of(const char* at) const {
    return window_offset_ + static_cast<uint64_t>(at - window_.data());
  }
  uint64_t offset() const { return window_offset_ + at_; }
  const std::string& path() const { return source_.path(); }
  bool gzip() const { return source_.gzip(); }

 private:
  ByteSource& source_;
  size_t window_bytes_;
  std::string window_ = std::string(kPadding, '\0');
  size_t at_ = 0;
  size_t filled_ = 0;
  uint64_t window_offset_ = 0;  // of the window's first byte in the text
};

}  // namespace vtn::importer

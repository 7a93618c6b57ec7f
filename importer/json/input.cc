// SPDX-License-Identifier: Apache-2.0
#include "importer/json/input.h"

#include <algorithm>

#include <string.h>

#include <fmt/format.h>

namespace vtn::importer {

Result<bool> JsonInput::more() {
  const size_t left = filled_ - at_;
  if (at_ != 0) {
    memmove(window_.data(), window_.data() + at_, left);
    window_offset_ += at_;
    at_ = 0;
    filled_ = left;
  }
  // Twice what was not enough.
  const size_t wanted = std::max(window_bytes_, left * 2);
  if (wanted > kMostWindowBytes) {
    return fail(
        fmt::format("{}: what begins at offset {} is larger than {} MB: too large for one value",
                    path(),
                    offset(),
                    kMostWindowBytes >> 20));
  }
  if (window_.size() < wanted + kPadding) {
    window_.resize(wanted + kPadding);
  }
  size_t got = 0;
  while (filled_ < wanted) {
    VTN_ASSIGN(const size_t part, source_.read(window_.data() + filled_, wanted - filled_));
    if (part == 0) {
      break;
    }
    got += part;
    filled_ += part;
  }
  memset(window_.data() + filled_, 0, kPadding);
  return got != 0;
}

Result<char> JsonInput::peek() {
  for (;;) {
    JsonCursor from = cursor();
    from.skip_space();
    take(from);
    if (from.at < from.end) {
      return *from.at;
    }
    VTN_ASSIGN(const bool more_text, more());
    if (!more_text) {
      return '\0';
    }
  }
}

}  // namespace vtn::importer

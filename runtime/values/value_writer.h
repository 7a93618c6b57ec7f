// SPDX-License-Identifier: Apache-2.0
//
// How a value is put together (abi/value_abi.h), for those who tell of values: values.cc and
// objects.cc. What does not fit is left out, whole, and whoever put it is told.
#pragma once

#include <string.h>

#include "abi/value_abi.h"
#include "runtime/python/python_api.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

inline constexpr int kDeepestValue = 4;
inline constexpr uint32_t kMostElements = 16;

inline uint32_t smaller(uint64_t a, uint64_t b) { return static_cast<uint32_t>(a < b ? a : b); }

inline bool is_utf8_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

// What has been written so far. Each put is whole or not at all, which it answers.
class ValueWriter {
 public:
  // `safely`: no code of the program is to run, whatever was asked for.
  ValueWriter(char* to, size_t room, bool safely = false)
      : begin_(to), at_(to), end_(to + room), safely_(safely) {}

  bool safely() const { return safely_; }

  size_t bytes() const { return static_cast<size_t>(at_ - begin_); }
  size_t room() const { return static_cast<size_t>(end_ - at_); }
  char* mark() const { return at_; }
  void back_to(char* mark) { at_ = mark; }

  bool put(const void* bytes, size_t size) {
    if (room() < size) {
      return false;
    }
    memcpy(at_, bytes, size);
    at_ += size;
    return true;
  }
  bool tag(ValueTag tag) { return put(&tag, 1); }
  template <class T>
  bool number(T value) {
    return put(&value, sizeof(value));
  }
  bool text(tracer::Text text) {
    const auto length = static_cast<uint16_t>(text.bytes);
    return room() >= sizeof(length) + length && number(length) && put(text.data, length);
  }
  // As much of it as there is room for, up to a character's end.
  bool cut_text(tracer::Text text) {
    if (room() < sizeof(uint16_t)) {
      return false;
    }
    size_t kept = smaller(text.bytes, room() - sizeof(uint16_t));
    while (kept < text.bytes && kept != 0 && is_utf8_continuation(text.data[kept])) {
      --kept;
    }
    return this->text({text.data, kept});
  }

 private:
  char* begin_;
  char* at_;
  char* end_;
  bool safely_;
};

// False: it did not fit; what was written of it is to be taken back.
bool put_one(ValueWriter& to, PyObject* value, int depth);

// How many elements there are, and as many of them as there is room for. `next` gives one after the
// other and puts it; false: it did not fit.
template <class Next>
bool put_counted(ValueWriter& to, uint64_t total, int depth, const Next& next) {
  if (!to.number(static_cast<uint32_t>(total))) {
    return false;
  }
  char* const kept_at = to.mark();
  uint16_t kept = 0;
  if (!to.number(kept)) {
    return false;
  }
  const uint32_t wanted = depth >= kDeepestValue ? 0 : smaller(total, kMostElements);
  while (kept < wanted) {
    char* const before = to.mark();
    if (!next(kept)) {
      to.back_to(before);
      break;
    }
    ++kept;
  }
  memcpy(kept_at, &kept, sizeof(kept));
  return true;
}

}  // namespace vtn::runtime

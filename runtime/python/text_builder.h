// SPDX-License-Identifier: Apache-2.0
//
// A text that is put together, of as many bytes as are recorded of any name; what is more is cut.
// Asks for no memory, needs no GIL.
#pragma once

#include <string.h>

#include "tracer/names_writer.h"

namespace vtn::runtime {

class TextBuilder {
 public:
  TextBuilder& add(tracer::Text more) {
    const size_t room = sizeof(text_) - bytes_;
    const size_t added = more.bytes < room ? more.bytes : room;
    memcpy(text_ + bytes_, more.data, added);
    bytes_ += added;
    return *this;
  }
  TextBuilder& add(const char* literal) { return add({literal, strlen(literal)}); }
  TextBuilder& add_number(uint32_t number) {
    char digits[10];
    size_t first = sizeof(digits);
    do {
      digits[--first] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return add({digits + first, sizeof(digits) - first});
  }
  tracer::Text text() const { return {text_, bytes_}; }
  bool equals(const char* literal) const {
    return bytes_ == strlen(literal) && memcmp(text_, literal, bytes_) == 0;
  }

 private:
  char text_[kMaxNameBytes];
  size_t bytes_ = 0;
};

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// Protocol-buffer fields by number, for packets outside the hot path. A nested message is built as
// a string of its own and appended with bytes().
#pragma once

#include <string>
#include <string_view>

#include <stdint.h>

#include "spool/varint.h"

namespace vtn::report {

class ProtoMessage {
 public:
  ProtoMessage& number(uint32_t field, uint64_t value) {
    spool::append_varint(bytes_, uint64_t{field} << 3);
    spool::append_varint(bytes_, value);
    return *this;
  }
  ProtoMessage& bytes(uint32_t field, std::string_view value) {
    spool::append_varint(bytes_, (uint64_t{field} << 3) | 2);
    spool::append_varint(bytes_, value.size());
    bytes_ += value;
    return *this;
  }
  ProtoMessage& fixed64(uint32_t field, uint64_t value) {
    spool::append_varint(bytes_, (uint64_t{field} << 3) | 1);
    for (unsigned i = 0; i < 8; ++i) {
      bytes_ += static_cast<char>(value >> (8 * i));
    }
    return *this;
  }
  ProtoMessage& message(uint32_t field, const ProtoMessage& value) {
    return bytes(field, value.bytes_);
  }
  std::string_view view() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace vtn::report

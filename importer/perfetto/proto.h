// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. Fields of a protobuf message, one after the other, from bytes that nobody vouches for.
#pragma once

#include <string_view>

#include <stdint.h>
#include <string.h>

#include "spool/varint.h"

namespace vtn::importer {

struct ProtoField {
  uint32_t number = 0;
  uint64_t value = 0;      // of a varint, fixed64 or fixed32
  std::string_view bytes;  // of anything with a length
};

class ProtoReader {
 public:
  explicit ProtoReader(std::string_view message)
      : from_(message.data(), message.data() + message.size()) {}

  // False: there is no more, or damaged().
  bool next(ProtoField& field) {
    if (from_.at_end() || damaged_) {
      return false;
    }
    const uint64_t tag = from_.next();
    field.number = static_cast<uint32_t>(tag >> 3);
    field.bytes = {};
    field.value = 0;
    switch (tag & 7) {
      case 0:
        field.value = from_.next();
        break;
      case 1:
        damaged_ = !fixed(field.value, 8);
        break;
      case 2: {
        const uint64_t size = from_.next();
        const char* const begin = from_.at();
        if (!from_.failed() && from_.skip(size)) {
          field.bytes = {begin, static_cast<size_t>(size)};
        }
        break;
      }
      case 5:
        damaged_ = !fixed(field.value, 4);
        break;
      default:
        damaged_ = true;
        break;
    }
    damaged_ = damaged_ || from_.failed() || field.number == 0;
    return !damaged_;
  }
  bool damaged() const { return damaged_; }

 private:
  bool fixed(uint64_t& value, size_t bytes) {
    const char* const begin = from_.at();
    if (!from_.skip(bytes)) {
      return false;
    }
    memcpy(&value, begin, bytes);
    return true;
  }

  spool::VarintReader from_;
  bool damaged_ = false;
};

}  // namespace vtn::importer

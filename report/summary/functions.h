// SPDX-License-Identifier: Apache-2.0
//
// Functions as sums name them: those of one image by number.
#pragma once

#include <string>
#include <string_view>
#include <tuple>

#include <stdint.h>

#include "spool/model.h"

namespace vtn::report {

// A function of one image, as an index into its list; behind the list: all that nobody has named.
using FunctionIndex = uint32_t;
inline constexpr FunctionIndex kNoFunction = 0xffff'ffff;  // the caller of a thread's first call
inline constexpr FunctionIndex kOtherFunctions = 0xffff'fffd;  // put together (stacks.h)

inline FunctionIndex function_index(const spool::ImageInfo& image, uint32_t id) {
  const uint32_t known = id < image.function_of_id.size() ? image.function_of_id[id] : 0;
  return known != 0 ? known - 1 : static_cast<FunctionIndex>(image.functions.size());
}

// Null: nobody has named it.
inline const spool::FunctionInfo* function_at(const spool::ImageInfo& image, FunctionIndex index) {
  return index < image.functions.size() ? &image.functions[index] : nullptr;
}

// What tells functions of different images apart, kinds included. Of the model's texts; null: all
// that nobody has named.
using FunctionKey = std::tuple<std::string_view, std::string_view, uint32_t, uint32_t>;
FunctionKey key_of(const spool::FunctionInfo* function);

// The same function, whatever images have it: as other tools know one.
struct FunctionIdentity {
  std::string name;
  std::string file;   // empty: not one of Python's
  uint32_t line = 0;  // where it begins; 0 likewise

  bool operator<(const FunctionIdentity& other) const {
    return std::tie(file, line, name) < std::tie(other.file, other.line, other.name);
  }
};
FunctionIdentity identity_of(const spool::ImageInfo& image, FunctionIndex index);

}  // namespace vtn::report

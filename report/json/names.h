// SPDX-License-Identifier: Apache-2.0
//
// The end of a call's JSON object, ready to be copied: `,"name":"f (x.py:1)"}`. One text per name,
// however many processes have a function of it, made once before any event is written. Immutable:
// thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <stdint.h>

#include "spool/model.h"

namespace vtn::report {

// Texts are followed by so many bytes that may be read: copies go by whole blocks.
inline constexpr size_t kCopyBlock = 32;

struct NameTail {
  const char* text;
  size_t bytes;
};

// The name in it, with its quotes.
std::string_view quoted_name(const NameTail& tail);

std::string json_name_tail(std::string_view display_name);
// Of a call of that function, which may be null.
std::string json_call_tail(const spool::FunctionInfo* function, uint32_t id);

class JsonNames {
 public:
  explicit JsonNames(const spool::Model& model);

  // nullptr: nobody has named this id in that image.
  const NameTail* find(uint32_t image, uint32_t id) const {
    const std::vector<uint32_t>& functions = model_.images[image].function_of_id;
    const uint32_t function = id < functions.size() ? functions[id] : 0;
    return function != 0 ? tails_[image][function - 1] : nullptr;
  }

 private:
  const spool::Model& model_;
  std::unordered_map<std::string, NameTail> texts_;  // keys hold the texts and the bytes behind
  std::vector<std::vector<const NameTail*>> tails_;  // by image, then function
};

}  // namespace vtn::report

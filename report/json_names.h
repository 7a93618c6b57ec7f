// SPDX-License-Identifier: Apache-2.0
//
// The end of a call's JSON object, ready to be copied: `,"name":"f (x.py:1)"}`. One text per
// function of an image, made once before any event is written. Immutable: thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <stdint.h>

#include "report/trace_model.h"

namespace vtn {

// Texts are followed by so many bytes that may be read: copies go by whole blocks.
inline constexpr size_t kCopyBlock = 32;

struct NameTail {
  const char* text;
  size_t bytes;
};

std::string json_name_tail(std::string_view display_name);

class JsonNames {
 public:
  explicit JsonNames(const ImageInfo& image);

  // nullptr: nobody has named this id.
  const NameTail* find(uint32_t id) const {
    const uint32_t function = id < image_.function_of_id.size() ? image_.function_of_id[id] : 0;
    return function != 0 ? &tails_[function - 1] : nullptr;
  }

 private:
  const ImageInfo& image_;
  std::string blob_;
  std::vector<NameTail> tails_;
};

}  // namespace vtn

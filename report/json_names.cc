// SPDX-License-Identifier: Apache-2.0
#include "report/json_names.h"

#include "report/text.h"

namespace vtn {

std::string json_name_tail(std::string_view display_name) {
  std::string tail = ",\"name\":\"";
  append_json_escaped(tail, display_name);
  tail += "\"}";
  return tail;
}

JsonNames::JsonNames(const ImageInfo& image) : image_(image) {
  std::vector<size_t> ends;
  ends.reserve(image.functions.size());
  for (const FunctionInfo& function : image.functions) {
    blob_ += json_name_tail(display_name(&function, 0));
    ends.push_back(blob_.size());
  }
  blob_.append(kCopyBlock, '\0');
  tails_.reserve(ends.size());
  size_t begin = 0;
  for (const size_t end : ends) {
    tails_.push_back(NameTail{blob_.data() + begin, end - begin});
    begin = end;
  }
}

}  // namespace vtn

// SPDX-License-Identifier: Apache-2.0
#include "report/call_values.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace vtn::report {

std::vector<std::pair<std::string, std::string>> argument_texts(
    const spool::Note& note, const spool::FunctionInfo* function) {
  std::vector<std::pair<std::string, std::string>> texts;
  std::string_view bytes = note.bytes;
  for (uint64_t i = 0; i < note.key; ++i) {
    std::string name = function != nullptr && i < function->parameters.size()
                           ? valid_utf8(function->parameters[i])
                           : fmt::format("argument {}", i + 1);
    std::string text;
    if (bytes.empty()) {
      texts.emplace_back(std::move(name), "...");  // there was no room for what follows
      break;
    }
    const bool sound = take_value(bytes, kMostValueBytes, text);
    texts.emplace_back(std::move(name), std::move(text));
    if (!sound) {
      break;
    }
  }
  return texts;
}

std::string value_text(const spool::Note& note) {
  std::string_view bytes = note.bytes;
  std::string text;
  (void)take_value(bytes, kMostValueBytes, text);
  return text;
}

}  // namespace vtn::report

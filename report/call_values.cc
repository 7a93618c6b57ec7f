// SPDX-License-Identifier: Apache-2.0
#include "report/call_values.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"

namespace vtn::report {

OpenCallValues::OpenCallValues(const spool::ImageInfo& image, uint32_t thread, size_t depth) {
  const auto told = image.open_values.find({thread, static_cast<uint32_t>(depth)});
  if (told != image.open_values.end()) {
    const spool::ImageInfo::OpenValues& open = told->second;
    arguments = {0, static_cast<uint32_t>(NoteKind::kArguments), open.arguments, open.values};
    has_arguments = open.arguments != 0;
    named = {0, static_cast<uint32_t>(NoteKind::kNamedValues), 0, open.named};
    has_named = !open.named.empty();
  }
}

ValueTexts argument_texts(const spool::Note& note, const spool::FunctionInfo* function) {
  ValueTexts texts;
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

ValueTexts named_texts(const spool::Note& note) {
  ValueTexts texts;
  std::string_view bytes = note.bytes;
  std::string_view name;
  while (take_value_name(bytes, name)) {
    std::string text;
    const bool sound = take_value(bytes, kMostValueBytes, text);
    texts.emplace_back(valid_utf8(name), std::move(text));
    if (!sound) {
      break;
    }
  }
  return texts;
}

ValueTexts argument_texts(const CallValues::Ended& values, const spool::FunctionInfo* function) {
  ValueTexts texts =
      values.arguments != nullptr ? argument_texts(*values.arguments, function) : ValueTexts();
  if (values.named != nullptr) {
    for (auto& named : named_texts(*values.named)) {
      const auto known = std::find_if(
          texts.begin(), texts.end(), [&](const auto& one) { return one.first == named.first; });
      if (known != texts.end()) {
        known->second = std::move(named.second);
      } else {
        texts.push_back(std::move(named));
      }
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

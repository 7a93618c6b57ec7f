// SPDX-License-Identifier: Apache-2.0
#include "report/json/names.h"

#include "report/text.h"

namespace vtn::report {

namespace {

constexpr std::string_view kNameKey = ",\"name\":";

}  // namespace

std::string_view quoted_name(const NameTail& tail) {
  std::string_view text(tail.text, tail.bytes);
  text.remove_prefix(text.find(kNameKey) + kNameKey.size());
  text.remove_suffix(1);
  return text;
}

std::string json_name_tail(std::string_view display_name) {
  std::string tail(kNameKey);
  tail += '"';
  append_json_escaped(tail, display_name);
  tail += "\"}";
  return tail;
}

std::string json_call_tail(const spool::FunctionInfo* function, uint32_t id) {
  const bool resumed = function != nullptr && function->resumed();
  return (resumed ? ",\"resumed\":true" : "") + json_name_tail(display_name(function, id));
}

JsonNames::JsonNames(const spool::Model& model) : model_(model) {
  tails_.resize(model.images.size());
  for (size_t i = 0; i < model.images.size(); ++i) {
    const std::vector<spool::FunctionInfo>& functions = model.images[i].functions;
    tails_[i].reserve(functions.size());
    for (const spool::FunctionInfo& function : functions) {
      std::string text = json_call_tail(&function, 0);
      const size_t bytes = text.size();
      text.append(kCopyBlock, '\0');
      const auto [found, fresh] = texts_.try_emplace(std::move(text));
      if (fresh) {
        found->second = NameTail{found->first.data(), bytes};
      }
      tails_[i].push_back(&found->second);
    }
  }
}

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
#include "report/html/values_json.h"

#include <fmt/format.h>

#include "report/text.h"

namespace vtn::report {

void append_json_member(std::string& to, const std::string& key, const std::string& value) {
  to += (to.empty() ? "" : ",") + json_quoted(key) + ":" + json_quoted(value);
}

std::string call_values_json(uint32_t line,
                             const CallValues::Ended& values,
                             const spool::FunctionInfo* function) {
  if (line == 0 && !values.has_arguments() && values.return_value == nullptr) {
    return {};
  }
  std::string members;
  for (const auto& [name, value] : argument_texts(values, function)) {
    append_json_member(members, name, value);
  }
  return fmt::format(
      "{},{},{}",
      line,
      values.has_arguments() ? "{" + members + "}" : "null",
      values.return_value == nullptr ? "null" : json_quoted(value_text(*values.return_value)));
}

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
//
// The values of a call as a page has them: "line,{"x":"3"},"returned"", null for what was not told.
#pragma once

#include <string>

#include "report/call_values.h"

namespace vtn::report {

// Appends `,"key":"value"` to members of a JSON object, the first without its comma.
void append_json_member(std::string& to, const std::string& key, const std::string& value);

// Empty: nothing is known. `function` may be null.
std::string call_values_json(uint32_t line,
                             const CallValues::Ended& values,
                             const spool::FunctionInfo* function);

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
//
// Whether a text is JSON: for what goes into a report as a program gave it.
#pragma once

#include <string_view>

namespace vtn::report {

// One value with nothing behind it, and not deeper than 64 levels.
bool is_json(std::string_view text);

}  // namespace vtn::report

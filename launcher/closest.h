// SPDX-License-Identifier: Apache-2.0
//
// "Did you mean ...?"
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vtn::launcher {

// The candidate nearest to `word` by edits (insert, delete, replace, swap of neighbours), if it is
// near enough to be a slip: at most a third of the longer word, or its beginning. Empty otherwise.
std::string closest_match(std::string_view word, std::span<const std::string> candidates);

}  // namespace vtn::launcher

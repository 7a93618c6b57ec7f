// SPDX-License-Identifier: Apache-2.0
//
// UTF-8 out of any bytes: programs may give names in whatever encoding. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include <stddef.h>

namespace vtn {

// Length of the well-formed sequence at `at`: no overlong form, no surrogate, nothing beyond
// U+10FFFF. 0: there is none, and `bad` says how many bytes belong together as one mistake
// (Unicode's "maximal subpart").
size_t utf8_length(std::string_view text, size_t at, size_t& bad);

// Bytes that are not UTF-8 become U+FFFD, one for each maximal bad piece.
std::string valid_utf8(std::string_view bytes);

// How much of a valid text fits into so many bytes without a character being cut.
size_t utf8_fitting(std::string_view text, size_t most_bytes);

}  // namespace vtn

// SPDX-License-Identifier: Apache-2.0
//
// Values of the program's (abi/value_abi.h) as people read them: as repr() would have it where that
// is known. Any bytes are possible: what makes no sense ends the text with "?".
#pragma once

#include <string>
#include <string_view>

namespace vtn::report {

// Takes one value off the front of `bytes`. What is longer than `most_bytes` is cut, with "...".
// False: there was none, or it was damaged.
bool take_value(std::string_view& bytes, size_t most_bytes, std::string& text);

// Takes the name of a value off the front, where names and values lie pair by pair. False: nothing
// follows, or it is damaged.
bool take_value_name(std::string_view& bytes, std::string_view& name);

// As Python's repr has it: 1.0, 1e+16, -0.0, nan.
std::string float_text(double value);

// As Python's repr has it, from UTF-8 that may be invalid. `whole`: nothing was cut off.
std::string str_text(std::string_view utf8, bool whole);

}  // namespace vtn::report

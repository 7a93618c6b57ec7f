// SPDX-License-Identifier: Apache-2.0
//
// Short names for programs, from their command lines: what tells one process from the next. Command
// lines are a program's own bytes; names are valid UTF-8 of one line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vtn::report {

// "python", "python3", "python3.12": what a CPython is called.
bool is_python_name(std::string_view base_name);

// As a reader would call it. A CPython: its script's base name, the module of -m, "python -c" and
// the beginning of the code, "python"; another program: its command line.
std::string program_name(const std::string& executable, const std::vector<std::string>& argv);

// What a library starts to work for a program, whatever that program is: "multiprocessing spawn",
// "execnet worker". Only with the program's name does such a name tell anything.
bool is_helper_name(std::string_view name);

// One line of at most `most_bytes`, cut with an ellipsis; control characters become spaces.
std::string one_line(std::string_view text, size_t most_bytes);

// The words with a space between them.
std::string joined(const std::vector<std::string>& words);

}  // namespace vtn::report

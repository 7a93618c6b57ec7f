// SPDX-License-Identifier: Apache-2.0
//
// The first line of a script: who runs it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vtn::launcher {

struct Shebang {
  // argv[0] of the interpreter: a path, or a name to be found on PATH (#!/usr/bin/env NAME).
  std::string interpreter;
  bool by_name = false;
  std::vector<std::string> arguments;  // between the interpreter and the script
  bool is_python = false;              // by its name; through env and through sh's '''exec' as well
};

// `head` is the beginning of the file, `script_path` where it lies (for scripts that look for their
// interpreter beside themselves). Nothing if it does not begin with "#!".
std::optional<Shebang> parse_shebang(std::string_view head, std::string_view script_path);
// As above, of a regular file. Nothing if it cannot be read.
std::optional<Shebang> read_shebang(const std::string& path);

// "python", "python3", "python3.12", "python3.13t", "python3-dbg": with or without folders.
bool names_python(std::string_view path);

}  // namespace vtn::launcher

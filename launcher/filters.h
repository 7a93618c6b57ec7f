// SPDX-License-Identifier: Apache-2.0
//
// What --only, --hide and --include_files name, as the settings file has it: patterns
// (base/freestanding/pattern.h), of files with absolute paths. Relative names are taken from the
// folder where the command was started. A file may have two names, as given and with its symlinks
// resolved; each is a pattern. Errors say what is wrong with the value, without the option's name.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace vtn::launcher {

// A glob for a module, a qualified name, or (with a slash) a file or folder.
Result<std::vector<std::string>> function_patterns(const std::string& given);

// A file or folder, letter by letter; it is there.
Result<std::vector<std::string>> path_patterns(const std::string& given);

// A regular expression, as the runtime matches by it (base/freestanding/regex.h).
Result<std::string> log_expression(const std::string& given);

}  // namespace vtn::launcher

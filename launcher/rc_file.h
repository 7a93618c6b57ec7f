// SPDX-License-Identifier: Apache-2.0
//
// Options from a file: .viztracerrc in the folder where the command is started, or what --rcfile
// names. As VizTracer has it: an ini file whose section [default] has options as keys.
//
//   [default]
//   log_func_args = True
//   include_files = src tools
//
// What the command line says wins, option by option. What is wrong is one line with file and line.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace vtn::launcher {

inline constexpr char kRcFileName[] = ".viztracerrc";

// One option of the file, as words of a command line: none where it is off.
struct RcOption {
  std::string name;  // with underscores
  std::vector<std::string> words;
};

struct RcFile {
  std::vector<RcOption> options;     // in order
  std::vector<std::string> skipped;  // VizTracer's, that there are none of here
};

// `path` is for messages.
Result<RcFile> read_rc(const std::string& text, const std::string& path);

// The command line with the words of the file in front of it; without those that it contradicts.
// `rcfile`: what --rcfile names; empty: the one of this folder, if there is one. `note` is a line
// for the user; empty: there is nothing to say.
Result<std::vector<std::string>> with_rc_file(const std::vector<std::string>& arguments,
                                              const std::string& rcfile,
                                              const std::vector<std::string>& given,
                                              std::string& note);

}  // namespace vtn::launcher

// SPDX-License-Identifier: Apache-2.0
//
// The command line of viztracer-native. Options end at the target: what follows is the program's.
// Names are VizTracer's; dashes and underscores in them are the same.
#pragma once

#include <string>
#include <vector>

#include <limits.h>

#include "base/result.h"

namespace vtn::launcher {

enum class HostChoice { kAuto, kEmbed, kExec };

inline constexpr int kWaitForever = INT_MAX;

struct Options {
  std::vector<std::string> output_files;  // as given; empty: the default name
  bool unique_output_file = false;
  std::string output_dir;
  std::string python;  // empty: discover
  HostChoice host = HostChoice::kAuto;
  bool ignore_c_function = false;
  bool quiet = false;
  int verbose = 1;
  bool keep_raw = false;
  int wait_children_ms = -1;  // after the program's end; -1: not at all, or kWaitForever
  bool keep_pid = false;
  bool python_only = false;                     // --processes python
  std::vector<std::string> excluded_processes;  // globs, none empty
  bool ignore_multiprocess = false;
  std::string convert;  // a .vtn file to convert instead of running anything
  std::string recover;  // a session folder or spool to make a report of
  bool version = false;
  bool help = false;

  // What is to be run, as it stood on the command line: "x.py a b", "-m mod a", "-c code", "-".
  std::vector<std::string> target;
  bool after_separator = false;  // "--" stood before the target: it is a command
};

// An error is a usage error: one line, without the program's name.
Result<Options> parse_options(const std::vector<std::string>& arguments);

// The text of --help.
std::string help_text();

}  // namespace vtn::launcher

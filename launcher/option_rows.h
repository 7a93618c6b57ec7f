// SPDX-License-Identifier: Apache-2.0
//
// The options: one row each. A new one is its row, its field in the request, and its use.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "launcher/request.h"

namespace vtn::launcher {

// An option: the scan for the target's place, the parser, the help, and what a nested run says
// follow from its row. `set` stores one value (of a switch: "true" or "false"); its error is put
// behind the option's name.
struct OptionRow {
  const char* name;   // with underscores
  char letter;        // or 0
  const char* value;  // its name in the help; null for a switch
  Scope scope;
  Status (*set)(Request& request, const std::string& value);
  const char* help;
  const char* without_value = nullptr;  // what it means without one: then it is never the next word
  const char* negated = nullptr;        // what --no_NAME stands for; null: there is none
  bool many = false;                    // more values may follow, where a "--" ends what is ours
  bool all_words = false;               // what follows up to the next option: nothing is run
};

// In the order of the help.
std::span<const OptionRow> option_rows();

// Of those the ones of logs (log_option_rows.cc).
std::span<const OptionRow> log_option_rows();

// And those of reports of what was recorded before (source_option_rows.cc).
std::span<const OptionRow> source_option_rows();

// And those of what runs already (attach_option_rows.cc).
std::span<const OptionRow> attach_option_rows();

}  // namespace vtn::launcher

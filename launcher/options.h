// SPDX-License-Identifier: Apache-2.0
//
// The command line of viztracer-native. Options end at the target: what follows is the program's.
// Names are VizTracer's; dashes and underscores in them are the same.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "launcher/request.h"

namespace vtn::launcher {

// An error is a usage error: one line, without the program's name.
Result<Request> parse_request(const std::vector<std::string>& arguments);

// Of every option, with underscores, in the order of the table.
std::vector<std::string> option_names();

// The text of --help.
std::string help_text();

}  // namespace vtn::launcher

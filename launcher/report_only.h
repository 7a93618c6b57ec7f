// SPDX-License-Identifier: Apache-2.0
//
// Runs of the launcher that start no program: reports of what was recorded before (--convert), or
// of what a killed run left (--recover).
#pragma once

#include <string>

#include "launcher/request.h"

namespace vtn::launcher {

// Writes the reports in a worker that a signal lets tidy up, and waits for it; what is wrong is
// said on stderr. The outputs are chosen by the request's names, unless some are in it already.
// `command_line` is what a recovery notes. The exit status.
int run_report_only(Request request, const std::string& command_line);

}  // namespace vtn::launcher

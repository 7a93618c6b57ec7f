// SPDX-License-Identifier: Apache-2.0
//
// Where the reports go: names, formats, and the checks that can be made before the program runs.
#pragma once

#include <string>
#include <vector>

#include <time.h>

#include "base/result.h"
#include "launcher/request.h"

namespace vtn::launcher {

// The format of a file name's extension. An unknown one is a usage error that names the known ones
// and the nearest.
Result<report::Output> output_named(const std::string& path);

// "<program>_<YYYYMMDD>_<HHMMSS>_<pid>.json", as VizTracer names it. `target` as in LaunchSettings.
std::string unique_output_name(const std::vector<std::string>& target, time_t now, int pid);

// Names and formats of all outputs, absolute. Nothing is touched. Usage errors only.
Result<std::vector<report::Output>> choose_outputs(const Request& request, time_t now, int pid);

// Makes --output_dir, and tries that each output's folder can be written to.
Status prepare_outputs(const Request& request, const std::vector<report::Output>& outputs);

// Both: fills the outputs of the request's report, if there are none, and readies them. An error's
// code is the exit status.
Status make_outputs_ready(Request& request);

}  // namespace vtn::launcher

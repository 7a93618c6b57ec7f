// SPDX-License-Identifier: Apache-2.0
//
// A launcher that is itself part of a recorded process tree: it joins that recording instead of
// making one of its own, so that one report has everything. Its target is executed in its place.
#pragma once

#include <string>

#include "launcher/options.h"

namespace vtn::launcher {

// The folder of the session that this process is recorded in, if its run still lives; else empty.
std::string outer_session();

// What the user is told: where the report is, and which of his options do nothing here.
std::string joined_line(const Options& options);

}  // namespace vtn::launcher

// SPDX-License-Identifier: Apache-2.0
//
// A launcher that is itself part of a recorded process tree: it joins that recording instead of
// making one of its own, so that one report has everything. Its target is executed in its place.
#pragma once

#include <string>

#include "launcher/request.h"

namespace vtn::launcher {

// The folder of the session that this process is recorded in, if its run still lives; else empty.
std::string outer_session();

// What the user is told: where the report is, and which of his options do nothing here: those that
// say what is recorded or reported, for that the outer run has decided.
std::string joined_line(const Request& request);

}  // namespace vtn::launcher

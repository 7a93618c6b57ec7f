// SPDX-License-Identifier: Apache-2.0
//
// --open: the report that was just written is shown in a browser (commands/show.h). At a terminal
// until Ctrl-C; where nobody is there to press that (in CI, in a pipe) until the page has been
// fetched once, and not at all where no browser can be started.
#pragma once

#include <vector>

#include "report/formats.h"

namespace vtn::launcher {

// The first of them that can be shown; null: none can.
const report::Output* shown_output(const std::vector<report::Output>& outputs);

// Shows that one, and returns when that is over; whatever happens then happens to another process.
// All signals are blocked, no other threads run.
void open_report(const std::vector<report::Output>& outputs);
// Says how that is done later.
void say_how_to_open(const std::vector<report::Output>& outputs);

}  // namespace vtn::launcher

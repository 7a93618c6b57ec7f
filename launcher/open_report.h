// SPDX-License-Identifier: Apache-2.0
//
// --open: the report that was just written is shown in a browser (commands/show.h). At a terminal
// until Ctrl-C; where nobody is there to press that (in CI, in a pipe) until the page has been
// fetched once, and not at all where no browser can be started.
#pragma once

#include <functional>
#include <vector>

#include "report/formats.h"

namespace vtn::launcher {

// The first of them that can be shown; null: none can.
const report::Output* shown_output(const std::vector<report::Output>& outputs);

// Shows that one. All signals are blocked, no other threads run. `end` ends this process as it
// would have ended without this, and is called when Ctrl-C or the like comes; it is the caller's to
// call when this returns.
void open_report(const std::vector<report::Output>& outputs, const std::function<void()>& end);

}  // namespace vtn::launcher

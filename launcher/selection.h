// SPDX-License-Identifier: Apache-2.0
//
// What --from, --to, --process, --thread and --function choose of a recording. Processes and
// threads go by the ids and names that reports show.
#pragma once

#include "base/result.h"
#include "launcher/request.h"
#include "spool/window.h"

namespace vtn::launcher {

// An error names what is not there, and what there is.
Result<spool::WindowRequest> window_of(const spool::Reader& recording, const Window& window);

}  // namespace vtn::launcher

// SPDX-License-Identifier: Apache-2.0
//
// A process that somebody attaches to: a thread of ours takes the GIL when it can, begins
// recording, and sleeps until recording is to end or nobody records any more. Then it ends
// recording, sees what was recorded off, and is gone.
#pragma once

#include "abi/session_abi.h"

namespace vtn::runtime {

// Where the session wishes it (vtn_control_page.late_wish). False: no thread can be made.
bool start_attached(ControlPage* control);

}  // namespace vtn::runtime

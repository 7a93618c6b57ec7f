// SPDX-License-Identifier: Apache-2.0
//
// What the program calls its threads: read from the threading module's table without running any
// code of the program. Needs the GIL; called on the thread concerned, from slow paths.
#pragma once

#include "tracer/engine.h"

namespace vtn {

// Publishes the name of the thread. False: threading does not know it (yet).
bool name_thread(ThreadState* thread);

}  // namespace vtn

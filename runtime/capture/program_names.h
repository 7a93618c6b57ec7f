// SPDX-License-Identifier: Apache-2.0
//
// What the program calls its threads and its processes: read from the tables of the threading and
// multiprocessing modules without running any code of the program. Needs the GIL; called on the
// thread concerned, from slow paths.
#pragma once

#include "tracer/engine.h"

namespace vtn::runtime {

// Publishes the name of the thread. False: threading does not know it (yet).
bool name_thread(tracer::ThreadState* thread);

// Publishes multiprocessing's name of this process if it is another than what was published last.
// False: it has none (yet), or is the main process.
bool name_process();

}  // namespace vtn::runtime

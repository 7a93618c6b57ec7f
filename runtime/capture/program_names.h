// SPDX-License-Identifier: Apache-2.0
//
// What the program calls its threads and its processes: read from the tables of the threading and
// multiprocessing modules without running any code of the program. Needs the GIL; called on the
// thread concerned, from slow paths.
#pragma once

#include "runtime/python/python_api.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

// Publishes the name of the thread if it is another than what was published last; from the second
// one on with a note among its events. False: threading does not know it (yet).
bool name_thread(tracer::ThreadState* thread);

// Whether a code object is one of threading's that tell of a name: where it is given, where the
// thread's own work begins, and where the thread is forgotten. Its id is not to be remembered by
// address, so that its events come by name_may_change().
bool tells_of_name(PyObject* code, tracer::Text name, tracer::Text file);
// Such a function begins or ends: the thread's name is looked at with its next events.
void name_may_change(tracer::ThreadState* thread);

// Publishes multiprocessing's name of this process if it is another than what was published last.
// False: it has none (yet), or is the main process.
bool name_process();

}  // namespace vtn::runtime

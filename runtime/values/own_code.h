// SPDX-License-Identifier: Apache-2.0
//
// Code of the program's that runs because the user wants to be told what it says: repr of its
// classes, expressions of magic comments. Nothing of the thread is recorded meanwhile, and what is
// raised stays away from the program. Needs the GIL.
#pragma once

#include <stdint.h>

#include "runtime/python/python_api.h"

namespace vtn::runtime {

// While it lives, nothing of the current thread is recorded.
class Muted {
 public:
  Muted();
  ~Muted();
  Muted(const Muted&) = delete;
  Muted& operator=(const Muted&) = delete;
};

// What such code raised; no error is set afterwards. Null: nothing, or a class alone (up to 3.11).
// A KeyboardInterrupt or SystemExit, which a signal's handler or another thread may have raised
// meanwhile, is the program's as well, and comes at this thread's next instructions: in other
// threads than the main one, and in other interpreters, CPython makes it anew of its class. All
// else ends here.
PyRef take_own_exception();

}  // namespace vtn::runtime

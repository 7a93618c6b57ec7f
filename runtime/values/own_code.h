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

// What such code raised; no error is set afterwards. Null: what was raised is no Exception: Ctrl-C,
// what else a signal's handler raised meanwhile, what another thread raised in this one. That is
// the program's, and comes at this thread's next instructions. In other threads than the main one
// CPython makes it anew of its class.
PyRef take_own_exception();

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// The program's own profilers beside ours. Both ways to set one, sys.setprofile and _lsprof's
// Profiler, are C functions; we put a step of our own in front of their definitions, which leaves
// the function objects what they are.
//
//  Gap     With the profile backend on 3.10 and 3.11 there is one profile function per thread, and
//          the program's wins: the gap is drawn when it comes, and we resume when it goes.
//  Order   The call of sys.setprofile begins under our eyes, so CPython would tell its end to the
//          function that it has just set, which in a plain run never hears of it (and profile.run
//          fails an assertion). So what was asked for is done at our own event of that end.
//
// All need the GIL.
#pragma once

#include "runtime/python/layout.h"
#include "tracer/engine.h"

namespace vtn::runtime {

// Puts the step in front of sys.setprofile. Once; does nothing if sys.setprofile is not CPython's.
void watch_setprofile();

// Takes every step away again.
void leave_profilers();

extern const PyMethodDef* g_setprofile_definition;

inline bool is_setprofile(const PyObject* callable) {
  return g_setprofile_definition != nullptr && type_of(callable) == g_python.PyCFunction_Type &&
         cfunction_def(callable) == g_setprofile_definition;
}

// Our events of a call of sys.setprofile. The end returns false with an error set when what was
// asked for failed: the error is the program's.
void setprofile_begins(tracer::ThreadState* thread);
bool setprofile_ends(tracer::ThreadState* thread);

// cProfile's C half is imported late or never: looked for whenever new code is seen, until it is
// there. Under PendingException.
void look_for_lsprof();

}  // namespace vtn::runtime

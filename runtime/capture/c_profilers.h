// SPDX-License-Identifier: Apache-2.0
//
// Profilers of the program that are set from C, by PyEval_SetProfile, on 3.10 and 3.11, where a
// thread has one profile function (yappi, memray, pyinstrument). No Python function is called for
// it that a step could stand in front of, and a static interpreter's own symbols cannot be
// preceded. But
//
//  when it comes  CPython drops the object that was set beside our function: a capsule, whose
//                 destructor draws the gap and puts the audit hook back;
//  when it goes   the audit event sys.setprofile is raised just before, so each thread that had one
//                 gets a trace function for one event, which looks just after. (One that has the
//                 program's own is looked at by a pending call, on the main thread.) Nobody else's
//                 there any more: the hook goes again.
//
// What writes the fields of a thread state itself goes unnoticed (yappi, on 3.10).
//
// sys.getprofile answers as if there were no such object. All need the GIL.
#pragma once

#include "runtime/python/python_api.h"
#include "tracer/engine.h"

namespace vtn::runtime {

// Our function stands at `function_offset` of thread states from now on; 0: that is not known, and
// C profilers go unnoticed.
void watch_c_profilers(PyProfileFunction function, PySize function_offset);
void leave_c_profilers();

// Our function was set on `state`, just now or some time ago.
void guard_profile(PyThread* state);

// The calling thread's.
void guard_own_profile(tracer::ThreadState* thread);

// While it lives, changes of a profile function are our own.
class OwnChange {
 public:
  OwnChange();
  ~OwnChange();
  OwnChange(const OwnChange&) = delete;
  OwnChange& operator=(const OwnChange&) = delete;
};

// The audit event sys.setprofile.
void profile_function_changes();

// Whether the audit hook has to stay for a C profiler.
bool c_profiler_is_set();

// Whether `object`, as sys.getprofile gave it for the calling thread, is ours.
bool is_profile_guard(const PyObject* object);

}  // namespace vtn::runtime

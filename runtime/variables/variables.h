// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of runs with --log_var and its like. Each time a variable, attribute or item that was
// asked for is bound, its new value is told as a mark (marks/marks.h). Nothing of the program is
// changed, and nothing evaluated but what comments say (comment_marks.h): CPython tells of the
// instruction before it runs (sys.monitoring's INSTRUCTION, 3.12 and later), and the value lies on
// the stack of the frame by then, at a depth that is known from the code (code_flow.h).
//
// That depth is compared with the frame's own stack pointer where there is one (3.14 and later);
// before, the first values are compared with what their variables hold at the next instruction.
// Where they differ, nothing is told any more, and a notice says so.
//
// All need the GIL.
#pragma once

#include "runtime/python/python_api.h"
#include "runtime/variables/plans.h"
#include "tracer/engine.h"

namespace vtn::runtime {

// Before the backend is installed.
void start_variables();

// A handler of monitoring.cc: arguments are the code and the offset of the instruction.
PyObject* on_instruction(PyObject*, PyObject* const* arguments, size_t, PyObject*);

// The function has begun, whose code it is: its entry and its parameters, as far as asked for.
void log_begin(tracer::ThreadState* thread, PyObject* code);

// Once a process: nothing is told (any more), `why`.
void tell_variables_untold(const char* why);

// Once a process: what a function of that name binds is not told, as its code is not understood.
void tell_function_untold(tracer::Text name);

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of runs with --log_var and its like. Each time a variable, attribute or item that was
// asked for is bound, its new value is told as a mark (marks/marks.h). Nothing of the program is
// changed, and nothing evaluated but what comments say (comment_marks.h): CPython tells of the
// instruction before it runs (sys.monitoring's INSTRUCTION, from 3.12 on; before,
// capture/instruction_trace.h), and the value lies on the stack of the frame by then, at a depth
// that is known from the code (code_flow.h).
//
// That depth is compared with the frame's own stack pointer where there is one (not on 3.12 and
// 3.13); there, the first values are compared with what their variables hold at the next
// instruction. Where they differ, nothing is told any more, and a notice says so.
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

// The frame, which runs a code of that plan, is about to run the instruction at that offset. False:
// nothing of the plan is there.
bool pass_instruction(tracer::ThreadState* thread,
                      CodePlan* plan,
                      const void* frame,
                      uint32_t offset);

// The function has begun, whose code it is: its entry and its parameters, as far as asked for.
// `frame`: its own (python/frames.h), or null: it is the one that runs.
void log_begin(tracer::ThreadState* thread, PyObject* code, const void* frame = nullptr);

// Once a process: nothing is told (any more), `why`.
void tell_variables_untold(const char* why);

// Once a process each: not all is told.
enum class UntoldPart : uint8_t {
  kTraced,     // the program's own trace function was there
  kEvaluated,  // by somebody else's evaluation function
};
void tell_part_untold(UntoldPart part);

// Once a process: what a function of that name binds is not told, as its code is not understood.
void tell_function_untold(tracer::Text name);

}  // namespace vtn::runtime

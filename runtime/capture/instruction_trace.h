// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of runs with --log_var and its like on 3.10 and 3.11, which have no events of
// instructions but those of a trace function. A thread has one of ours only while the frame that
// runs is one of a code with something to tell (variables/plans.h):
//
//   the frame begins         the evaluation function (eval_frame.cc) sets the trace function, in
//                            the thread state itself: sys.settrace would be an audit event, and
//                            sys.gettrace answers by the object beside it, of which there is none.
//                            At the event of the begin the frame asks for opcode events.
//   it calls another frame   both are taken back until that ends: nothing else is traced by ours.
//   a C function returns     it may have changed any of it, or gone on with another stack
//   (greenlet).
//                            What the frame needs is set again.
//
// Where the evaluation function is not asked (little of the C stack is left, or somebody else's has
// taken its place), the trace function stays, whatever frame runs, which costs each instruction of
// all of them something; the profile function says where a frame begins and ends.
//
// The program's own trace function wins: where one is set in the thread, ours is not, and a notice
// says so.
//
// That a frame asks for opcode events is a byte of the frame object, f_trace_opcodes, which has a
// value of its own while it is we who ask. So what the program sets there is told from it; what it
// reads there is true meanwhile (docs/LIMITS.md, L-OPCODES).
//
// All need the GIL and leave no error set.
#pragma once

#include "runtime/python/python_api.h"
#include "tracer/engine.h"

namespace vtn::runtime {

// The profile function is set in this thread and stands at that offset of thread states; 0: that is
// not known. The frame that runs is traced from now on, others as soon as anything above them ends.
void start_instruction_trace(PySize profile_offset);

// No thread has ours any more.
void stop_instruction_trace();

// The evaluation function: the frame, as it gets it, is about to begin, or to go on.
void frame_is_to_run(PyThread* state, const void* frame);

// The frame that runs now is another one than before, or its thread may have been changed.
void look_at_running_frame(PyThread* state);

// The code is being freed.
void forget_traced_code(const PyObject* code);

// The evaluation function is not asked from now on; it is again.
void trace_without_evaluator();
void trace_by_evaluator();

// By the profile function: a call has begun, or goes on; it ends, or waits.
void pass_begin_of_frame(PyThread* state);
void pass_end_of_frame(PyThread* state);
extern uint32_t g_traces_without_evaluator;
inline void frame_has_begun() {
  if (__builtin_expect(g_traces_without_evaluator != 0, 0)) {
    pass_begin_of_frame(current_thread_state());
  }
}
inline void frame_is_to_end() {
  if (__builtin_expect(g_traces_without_evaluator != 0, 0)) {
    pass_end_of_frame(current_thread_state());
  }
}

}  // namespace vtn::runtime

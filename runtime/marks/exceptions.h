// SPDX-License-Identifier: Apache-2.0
//
// The program's exceptions as marks (--log_exception), each object once: where it was raised, and
// where it was caught or left the thread. An error that C code swallows is none of Python's, and is
// not told of.
//
//   3.12 and later  by the events RAISE, RERAISE, EXCEPTION_HANDLED and PY_UNWIND. A handler that
//                   an exception only passes through (finally, with, an except clause that does not
//                   match or that raises it again) is no catch. That shows when it is left: until
//                   then it is kept in the thread, and told of with the stamp it had.
//   before          what leaves a Python frame is told of where it does so first, and where it
//                   leaves the thread.
//
// All need the GIL and leave no error set.
#pragma once

#include "runtime/capture/thread_part.h"
#include "runtime/python/python_api.h"

namespace vtn::runtime {

// Before the backend is installed.
void start_exceptions();

bool exceptions_wanted();

// What events tell, in the frame that runs `code`, which is not hidden unless it is said so.
// `offset`: as events have it, an int.
void exception_raised(tracer::ThreadState* thread,
                      PyObject* code,
                      PyObject* offset,
                      PyObject* exception);
void exception_raised_again(tracer::ThreadState* thread, const PyObject* exception);
void exception_handled(tracer::ThreadState* thread,
                       PyObject* code,
                       PyObject* offset,
                       PyObject* exception);

// A frame is left by an exception.
void exception_unwinds(tracer::ThreadState* thread, PyObject* exception);

// The same by an evaluation function: a frame has been left, and its exception is set.
void exception_left_frame(tracer::ThreadState* thread);

// Looks which handlers have been left. For each event of calls while there are some; of generators'
// own, which may wait for long, at events of code that is resumed.
void settle_exceptions(tracer::ThreadState* thread);
inline void look_at_handlers(tracer::ThreadState* thread, bool resumed) {
  const ThreadPart* const part = part_of(thread);
  if (__builtin_expect(part->handled_plainly != 0 || (resumed && part->handled_count != 0), 0)) {
    settle_exceptions(thread);
  }
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// --budget: functions that are called too often are switched off. The collector counts and says
// which (control_abi.h: the list); each interpreter heeds it when one of its threads comes by, at
// the change of a chunk. In that interpreter, from that moment on
//
//   a call that begins    is not recorded, and the places of its function are switched off as its
//                         events come by, as if a filter hid it (monitoring.cc)
//   a call that is open   is recorded to its end, with the C functions that it calls itself: its
//                         frame is among the open ones (open_frames.h), and while there are such,
//                         the places of ends stay on
//
// That moment is told in the names stream, and as a mark on the thread. Functions whose events are
// needed for something else, or are sent by C code, stay on (CodeIdentity::stays_on). 3.12 and
// later: before, nothing can be switched off.
//
// All need the GIL of the current interpreter.
#pragma once

#include "abi/event_abi.h"
#include "runtime/capture/open_frames.h"
#include "runtime/python/python_api.h"
#include "tracer/engine.h"

namespace vtn::runtime {

struct CodeIdentity;

// Before the backend is installed in the main interpreter.
void start_budget();

bool budget_on();

// On a slow path of the thread's, where an event is about to be recorded.
void heed_budget(tracer::ThreadState* thread, EventKind kind, uint32_t id);

// Code that this process just met: its function may have been switched off before, here or in the
// process that this one was forked of.
void heed_budget_anew(CodeIdentity* identity);

// The frame that runs begins, goes on or ends: it is no open one (any more).
[[gnu::noinline]] void leave_open_frame_slow(const PyObject* code);
inline void leave_open_frame(const PyObject* code) {
  if (__builtin_expect(any_open_frames(), 0)) {
    leave_open_frame_slow(code);
  }
}

// Whether the begins of that code, which has open frames, may be switched off: no thread is about
// to tell of one that was taken for open.
bool begins_are_void(const PyObject* code);

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// The calls that a thread is in when recording begins or goes on: in a process that was recorded
// from the middle of its life, and after a pause or a stop. Each of the frames that the filters
// show begins at that moment, outermost first, and ends when it does. C functions have no frame,
// and are not seen.
#pragma once

#include "abi/event_abi.h"
#include "runtime/capture/thread_part.h"
#include "tracer/engine.h"

namespace vtn::runtime {

// Recording begins, or goes on, now: threads whose calls were closed by a gap, or that were never
// seen, have them opened again from this moment on. `process_is_late`: the interpreter runs for
// some time already.
void open_stacks_from_now_on(bool process_is_late);

// Of all threads of the current interpreter but the calling one, at once: those that sleep have no
// event. Needs the GIL; leaves no error set.
void open_stacks_of_others();

// The thread's calls were closed by a gap.
void stack_was_closed(tracer::ThreadState* thread);
// Nothing of the thread is open in the record, and its next event opens all that is.
bool stack_is_closed(tracer::ThreadState* thread);

// At an event of the thread that is about to be recorded. Needs the GIL; leaves no error set.
void open_stack(tracer::ThreadState* thread, EventKind kind, uint32_t id);

// The same before a call's notes, which stand before its event: of what is opened between them, the
// outermost call would have them. `id`: of the call that begins.
[[gnu::noinline, gnu::cold]] void open_stack_now(tracer::ThreadState* thread, uint32_t id);
inline void open_stack_before_notes(tracer::ThreadState* thread, uint32_t id) {
  if (__builtin_expect(part_of(thread)->met == 0 || part_of(thread)->stack_is_closed != 0, 0)) {
    open_stack_now(thread, id);
  }
}

}  // namespace vtn::runtime

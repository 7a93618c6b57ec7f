// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. How a thread writes events: one bounds check, one clock read, one release store.
// Freestanding; thread-bound (each state by its own thread), child-safe.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "abi/event_abi.h"
#include "base/freestanding/atomic.h"
#include "tracer/engine.h"

namespace vtn::tracer {

// Chunk full, time out of reach, process or thread not registered, nothing to be had: all that is
// not a plain store. Errors end in counted losses.
void record_slow(ThreadState* thread, uint64_t ticks, EventKind kind, uint32_t id);

inline void record_at(ThreadState* thread, uint64_t ticks, EventKind kind, uint32_t id) {
  const uint64_t delta = ticks - thread->base_ticks;
  uint64_t* cursor = thread->cursor;
  if (__builtin_expect((delta > kEventDeltaMax) | (cursor == thread->end), 0)) {
    record_slow(thread, ticks, kind, id);
    return;
  }
  // Release: the collector reads a live chunk up to its first zero word.
  store_release(cursor, event_word(delta, kind, id));
  thread->cursor = cursor + 1;
}

// A call begins: the clock is read last, so that our own work is not in it.
inline void record_enter(ThreadState* thread, uint32_t id) {
  record_at(thread, read_ticks(g_engine.clock), EventKind::kEnter, id);
}

// For an end the caller reads the clock first and passes it to record_at.

// Has the thread looked after (EngineHooks::look_after) at its next event and `more` after it.
void ask_for_visits(ThreadState* thread, uint32_t more);

// Calls open on this thread are closed here by the reader; what came between is not known.
void record_gap(ThreadState* thread, GapReason reason);

// A note of up to kMaxPayloadWords (event_abi.h says what they hold); what is more is cut. There is
// room behind it for one event, so that a note about the next call stands in that call's chunk.
void record_note(
    ThreadState* thread, uint64_t ticks, NoteKind kind, const uint64_t* words, uint32_t count);
// The same with a key and bytes, of which kMaxNoteBytes are kept; its own stamp says nothing.
void record_note(ThreadState* thread, NoteKind kind, uint32_t key, const void* bytes, size_t size);

}  // namespace vtn::tracer

// SPDX-License-Identifier: Apache-2.0
//
// Recording that pauses, goes on, ends and begins again within the life of a process.
//
//  pause   nothing is recorded. Handlers stay where they are and return at once: which events are
//          set is never changed for it. A thread draws its gap at its first event meanwhile.
//  stop    as a pause, and the current interpreter is left as a fresh one: the tool id freed, no
//          callback, no event, no profile function, CPython's own evaluation function, no step in
//          front of a built-in function. The calls that are open in each thread end with a gap. Of
//          ours remain a type and a co_extra index in each interpreter, used again by a later
//          start.
//
// Handlers of other interpreters than the current one stay, as in a pause.
#pragma once

#include "abi/session_abi.h"
#include "tracer/engine.h"

namespace vtn::runtime {

// HOT PATH. By which clock handlers record. They ask for the TSC first, so a pause costs nothing
// while there is none.
inline constexpr ClockKind kPausedClock = static_cast<ClockKind>(0);
extern ClockKind g_recording_clock;

// All need the GIL and leave no error set. Each does nothing where it is so already.
void pause_recording();
void resume_recording();
void stop_recording();
// Before a start in another session: as if there had been none. Recording is stopped.
void forget_recording();

bool recording_is_stopped();
bool start_recording();  // false: the interpreter refuses; it is stopped

// Handlers of a paused process call it: the thread's gap is drawn, once a pause.
void note_pause(tracer::ThreadState* thread);

}  // namespace vtn::runtime

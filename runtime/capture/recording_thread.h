// SPDX-License-Identifier: Apache-2.0
//
// Whether what the program logs on this thread is recorded.
#pragma once

#include "runtime/capture/control.h"
#include "tracer/engine.h"

namespace vtn::runtime {

// Null: recording is paused, in this process or this thread, or there is none. Any thread, with or
// without the GIL.
inline tracer::ThreadState* recording_thread() {
  if (g_recording_clock == kPausedClock) {
    return nullptr;
  }
  tracer::ThreadState* const thread = tracer::current_thread();
  return thread->muted == 0 ? thread : nullptr;
}

}  // namespace vtn::runtime

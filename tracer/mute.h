// SPDX-License-Identifier: Apache-2.0
//
// Threads that are not recorded for a while. The hot path does not ask: a muted thread's chunk
// seems full, so each of its events comes by passes_mute().
//
//   begun before, ended meanwhile   ends when it does: that is recorded
//   begun and ended meanwhile       is nowhere
//   begun meanwhile, ends later     begins when recording comes back
//
// Freestanding; thread-bound. A forked child begins unmuted.
#pragma once

#include "abi/event_abi.h"
#include "tracer/engine.h"

namespace vtn::tracer {

// Nothing of this thread is recorded until unmute() was called as often.
void mute(ThreadState* thread);

// False: of the calls that began meanwhile more are open than are remembered. Ends of theirs could
// be taken for those of others, so the caller closes all by a gap.
bool unmute(ThreadState* thread);

// Whether an event of a muted thread is to be recorded though: the end of a call that began before.
bool passes_mute(ThreadState* thread, EventKind kind, uint32_t id);

// As long as it lives, the thread, muted or not, is recorded.
class MuteLifted {
 public:
  explicit MuteLifted(ThreadState* thread);
  ~MuteLifted();
  MuteLifted(const MuteLifted&) = delete;
  MuteLifted& operator=(const MuteLifted&) = delete;

 private:
  ThreadState* const thread_;
  const uint32_t muted_;
};

}  // namespace vtn::tracer

// SPDX-License-Identifier: Apache-2.0
#include "tracer/mute.h"

#include "tracer/clock.h"
#include "tracer/thread_writer.h"

namespace vtn::tracer {

namespace {

void hide_chunk(ThreadState* thread) {
  thread->kept_cursor = thread->cursor;
  thread->cursor = thread->end = thread->chunk_end;
}

void show_chunk(ThreadState* thread) {
  thread->cursor = thread->end = thread->kept_cursor;  // the next event has the thread seen to
  thread->kept_cursor = nullptr;
}

}  // namespace

void mute(ThreadState* thread) {
  if (thread->muted++ == 0) {
    hide_chunk(thread);
    thread->muted_calls = 0;
    thread->muted_closed = 0;
  }
}

bool unmute(ThreadState* thread) {
  if (thread->muted == 0 || --thread->muted != 0) {
    return true;
  }
  show_chunk(thread);
  if (thread->muted_closed != 0) {
    return true;  // whoever closed them opens all that are open now
  }
  if (thread->muted_calls > kMutedCalls) {
    return false;
  }
  const uint64_t now = thread->muted_calls == 0 ? 0 : read_ticks(g_engine.clock);
  for (uint32_t i = 0; i < thread->muted_calls; ++i) {
    record_at(thread, now, EventKind::kEnter, thread->muted_ids[i]);
  }
  return true;
}

bool passes_mute(ThreadState* thread, EventKind kind, uint32_t id) {
  uint32_t& calls = thread->muted_calls;
  if (kind == EventKind::kEnter) {
    if (calls < kMutedCalls) {
      thread->muted_ids[calls] = id;
    }
    ++calls;
    return false;
  }
  if (calls > kMutedCalls) {
    --calls;
    return false;
  }
  for (uint32_t i = calls; i-- > 0;) {
    // Of a generator's two ids an end names the first.
    if (thread->muted_ids[i] == id || thread->muted_ids[i] == id + 1 || id == kIdAnyPython) {
      calls = i;
      return false;
    }
  }
  return thread->muted_closed == 0;
}

MuteLifted::MuteLifted(ThreadState* thread) : thread_(thread), muted_(thread->muted) {
  if (muted_ != 0) {
    thread->muted = 0;
    show_chunk(thread);
  }
}

MuteLifted::~MuteLifted() {
  if (muted_ != 0) {
    hide_chunk(thread_);
    thread_->muted = muted_;
  }
}

}  // namespace vtn::tracer

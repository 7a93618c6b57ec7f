// SPDX-License-Identifier: Apache-2.0
#include "tracer/thread_writer.h"

#include "base/freestanding/syscalls.h"
#include "tracer/clock.h"
#include "tracer/mute.h"

namespace vtn::tracer {

namespace {

constexpr uint64_t kLongestWaitNs = 1'000'000'000;  // without any progress of the collector
constexpr uint64_t kWaitStepNs = 50'000'000;
constexpr uint32_t kCloseVisits = 32;
constexpr uint32_t kLongestCareWords = 1u << 20;

bool recording(const ControlPage* control) {
  return load_relaxed(&control->state) == static_cast<uint32_t>(SessionState::kRecording);
}

// Takes the thread's next chunk. The thread has none.
bool claim_now(ThreadState* thread, uint64_t ticks) {
  const ProcessRoot* root = g_engine.root;
  const uint32_t chunk = claim_chunk(g_engine.arena,
                                     thread->next_class,
                                     ChunkKind::kEvents,
                                     root->process,
                                     thread->thread,
                                     thread->tid,
                                     thread->sequence,
                                     ticks);
  if (chunk == kNoChunk) {
    return false;
  }
  thread->chunk = chunk;
  ++thread->sequence;
  if (thread->next_class + 1 < kChunkClasses) {
    ++thread->next_class;
  }
  thread->base_ticks = ticks;
  thread->cursor = g_engine.arena.words(chunk);
  thread->chunk_end = thread->cursor + g_engine.arena.chunk_bytes(chunk) / sizeof(uint64_t);
  thread->end = thread->chunk_end;
  return true;
}

// Waits for a chunk as long as the collector makes progress: chunks freed, not a timer.
bool claim_waiting(ThreadState* thread, uint64_t ticks) {
  ControlPage* control = g_engine.arena.control;
  ProcessSlot& slot = g_engine.arena.processes[g_engine.root->process];
  const uint64_t began = monotonic_ns();
  uint64_t progressed = began;
  uint32_t freed = load_acquire(&control->freed_chunks);
  bool claimed = false;
  add_relaxed(&slot.stalls, uint32_t{1});
  add_relaxed(&control->waiting_producers, uint32_t{1});
  while (recording(control)) {
    claimed = claim_now(thread, ticks);
    if (claimed || monotonic_ns() - progressed > kLongestWaitNs) {
      break;
    }
    futex_wake(&control->full_chunks, 1);
    futex_wait(&control->freed_chunks, freed, kWaitStepNs);
    const uint32_t seen = load_acquire(&control->freed_chunks);
    if (seen != freed) {
      freed = seen;
      progressed = monotonic_ns();
    }
  }
  add_relaxed(&control->waiting_producers, ~uint32_t{0});
  add_relaxed(&slot.stall_ticks, read_ticks(g_engine.clock) - ticks);
  return claimed;
}

void put_opcode(ThreadState* thread, uint64_t head, uint64_t payload) {
  // The payload first, the head last: a reader that sees the head sees it all.
  store_relaxed(thread->cursor + 1, payload);
  store_release(thread->cursor, head);
  thread->cursor += 2;
}

void put_gap(ThreadState* thread, uint64_t ticks, uint64_t lost, GapReason reason) {
  store_relaxed(thread->cursor + 1, lost);
  store_relaxed(thread->cursor + 2, static_cast<uint64_t>(reason));
  store_release(thread->cursor, opcode_word(ticks - thread->base_ticks, Opcode::kGap, 2));
  thread->cursor += 3;
}

// A new chunk with the gap drawn, where events were lost before it. False: none to be had.
bool next_chunk(ThreadState* thread, uint64_t ticks) {
  if (thread->cursor != nullptr) {
    finish_chunk(g_engine.arena, thread->chunk);
    thread->cursor = thread->end = thread->chunk_end = nullptr;
  }
  ControlPage* control = g_engine.arena.control;
  if (g_engine.root->process >= kMaxProcesses) {
    return false;
  }
  if (thread->dropped != 0 && load_relaxed(&control->freed_chunks) == thread->freed_seen) {
    return false;  // nothing has changed since the last try
  }
  if (!claim_now(thread, ticks) && (thread->dropped != 0 || !claim_waiting(thread, ticks))) {
    thread->freed_seen = load_relaxed(&control->freed_chunks);
    return false;
  }
  if (thread->dropped != 0) {
    put_gap(thread, ticks, thread->dropped, GapReason::kArenaFull);
    thread->dropped = 0;
  }
  return true;
}

void count_loss(ThreadState* thread) {
  ++thread->dropped;
  if (g_engine.root->process < kMaxProcesses) {
    add_relaxed(&g_engine.arena.processes[g_engine.root->process].lost_events, uint64_t{1});
  }
}

// Sets the place of the thread's next visit. The hook may run Python code paths that record: the
// end is out of the way before it is called.
void look_after(ThreadState* thread, EventKind kind, uint32_t id) {
  thread->end = thread->chunk_end;
  const bool again =
      g_engine.hooks.look_after != nullptr && g_engine.hooks.look_after(thread, kind, id);
  thread->end = thread->chunk_end;  // a note of the hook's may have asked for this very visit
  if (thread->care_words == 0) {
    return;  // from now on at the change of chunks alone
  }
  // Often at first, so that a thread of few calls is seen to as well; then ever more rarely.
  if (!again || thread->care_words > kLongestCareWords) {
    thread->care_words = 0;
  } else if (++thread->care_visits > kCloseVisits) {
    thread->care_words *= 2;
  }
}

void place_visit(ThreadState* thread) {
  if (thread->visits_due != 0 && thread->cursor != thread->chunk_end) {
    --thread->visits_due;
    thread->end = thread->cursor + 1;
  } else if (thread->care_words != 0 &&
             thread->care_words < static_cast<uint64_t>(thread->chunk_end - thread->cursor)) {
    thread->end = thread->cursor + thread->care_words;
  }
}

}  // namespace

[[gnu::noinline, gnu::cold]] void record_slow(ThreadState* thread,
                                              uint64_t ticks,
                                              EventKind kind,
                                              uint32_t id) {
  if (thread->muted != 0) {
    if (passes_mute(thread, kind, id)) {
      const MuteLifted lifted(thread);
      record_slow(thread, ticks, kind, id);
    }
    return;
  }
  if (thread->registered == 0) {
    thread = register_thread();
    if (thread->registered == 0) {
      count_loss(thread);
      return;
    }
  }
  if (thread->cursor == nullptr || thread->cursor == thread->chunk_end) {
    if (!next_chunk(thread, ticks)) {
      count_loss(thread);
      return;
    }
    look_after(thread, kind, id);
    place_visit(thread);
  } else if (thread->cursor == thread->end) {
    look_after(thread, kind, id);
    place_visit(thread);
  }
  if (ticks - thread->base_ticks > kEventDeltaMax) {
    // Too long since the chunk began, or the clock went back. A chunk's last words may be too few
    // for a resync: a new chunk has a new base.
    if (thread->chunk_end - thread->cursor < 4) {
      if (!next_chunk(thread, ticks)) {
        count_loss(thread);
        return;
      }
    } else {
      put_opcode(thread, opcode_word(0, Opcode::kResync, 1), ticks);
      thread->base_ticks = ticks;
      if (thread->cursor >= thread->end) {
        thread->end = thread->chunk_end;
      }
    }
  }
  // Recording while the hook ran may have used the chunk up.
  if (thread->cursor == thread->chunk_end) {
    if (!next_chunk(thread, ticks)) {
      count_loss(thread);
      return;
    }
  }
  const uint64_t delta = ticks >= thread->base_ticks ? ticks - thread->base_ticks : 0;
  store_release(thread->cursor, event_word(delta, kind, id));
  ++thread->cursor;
}

void ask_for_visits(ThreadState* thread, uint32_t more) {
  thread->visits_due = more;
  if (thread->cursor != nullptr) {
    thread->end = thread->cursor;
  }
}

void record_gap(ThreadState* thread, GapReason reason) {
  if (thread->muted != 0) {
    const MuteLifted lifted(thread);
    record_gap(thread, reason);
    thread->muted_closed = 1;
    return;
  }
  const uint64_t ticks = read_ticks(g_engine.clock);
  if (thread->registered == 0) {
    thread = register_thread();
    if (thread->registered == 0) {
      return;
    }
  }
  if (thread->cursor == nullptr || thread->chunk_end - thread->cursor < 3 ||
      ticks - thread->base_ticks > kEventDeltaMax) {
    if (!next_chunk(thread, ticks)) {
      count_loss(thread);
      return;
    }
  }
  put_gap(thread, ticks, 0, reason);
  if (thread->cursor >= thread->end) {
    thread->end = thread->chunk_end;
  }
}

[[gnu::noinline, gnu::cold]] void record_note(
    ThreadState* thread, uint64_t ticks, NoteKind kind, const uint64_t* words, uint32_t count) {
  count = count < kMaxPayloadWords ? count : kMaxPayloadWords;
  if (thread->muted != 0) {
    return;
  }
  if (thread->registered == 0) {
    thread = register_thread();
    if (thread->registered == 0) {
      count_loss(thread);
      return;
    }
  }
  const auto needed = int64_t{1} + count + 1;  // head, payload, an event
  if (thread->cursor == nullptr || thread->chunk_end - thread->cursor < needed ||
      ticks - thread->base_ticks > kEventDeltaMax) {
    if (!next_chunk(thread, ticks)) {
      count_loss(thread);
      return;
    }
    // The visit that comes with a new chunk is left to the next event: this may be called from it.
    thread->end = thread->cursor;
  }
  for (uint32_t i = 0; i < count; ++i) {
    store_relaxed(thread->cursor + 1 + i, words[i]);
  }
  store_release(thread->cursor, note_word(ticks - thread->base_ticks, kind, count));
  thread->cursor += 1 + count;
  if (thread->cursor > thread->end) {
    thread->end = thread->cursor;  // a visit that was due meanwhile comes at the next event
  }
}

void record_note(ThreadState* thread, NoteKind kind, uint32_t key, const void* bytes, size_t size) {
  const auto kept = static_cast<uint32_t>(size < kMaxNoteBytes ? size : kMaxNoteBytes);
  const uint32_t count = 1 + (kept + 7) / 8;
  // Where the chunk has room, straight into it. A note's stamp is not asked for: that of what it
  // is told of counts.
  if (__builtin_expect(
          thread->cursor != nullptr && thread->chunk_end - thread->cursor >= int64_t{1} + count + 1,
          1)) {
    uint64_t* const head = thread->cursor;
    store_relaxed(head + count, uint64_t{0});  // what the last bytes leave free
    store_relaxed(head + 1, note_key(key, kept));
    if (kept != 0) {
      __builtin_memcpy(head + 2, bytes, kept);
    }
    store_release(head, note_word(0, kind, count));
    thread->cursor = head + 1 + count;
    if (thread->cursor > thread->end) {
      thread->end = thread->cursor;  // a visit that was due meanwhile comes at the next event
    }
    return;
  }
  uint64_t words[kMaxPayloadWords];
  words[count - 1] = 0;
  words[0] = note_key(key, kept);
  if (kept != 0) {
    __builtin_memcpy(words + 1, bytes, kept);
  }
  record_note(thread, read_ticks(g_engine.clock), kind, words, count);
}

}  // namespace vtn::tracer

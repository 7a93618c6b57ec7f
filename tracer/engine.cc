// SPDX-License-Identifier: Apache-2.0
#include "tracer/engine.h"

#include "abi/event_abi.h"
#include "base/freestanding/atomic.h"
#include "base/freestanding/lock.h"
#include "base/freestanding/pages.h"
#include "base/freestanding/syscalls.h"
#include "tracer/names_writer.h"

namespace vtn::tracer {

constinit Engine g_engine;

namespace {

// Serves threads for which no memory was to be had: no cursor, so that every event is counted.
constinit ThreadState g_last_resort = {};

uint32_t kernel_tid() { return static_cast<uint32_t>(raw_syscall(SYS_gettid)); }

// A state of an ended thread, or new memory. The lock is held.
ThreadState* take_state() {
  ProcessRoot* root = g_engine.root;
  for (ThreadState* state = root->threads; state != nullptr; state = state->next) {
    // Acquire: pairs with the release in end_thread.
    if (load_acquire(&state->in_use) == 0) {
      return state;
    }
  }
  auto* state = static_cast<ThreadState*>(map_wiped_pages(sizeof(ThreadState)));
  if (state != nullptr) {
    state->next = root->threads;
    root->threads = state;
  }
  return state;
}

}  // namespace

bool start_engine(const Arena& arena, ClockKind clock, const EngineHooks& hooks, long tls_offset) {
  g_engine.root = static_cast<ProcessRoot*>(map_wiped_pages(sizeof(ProcessRoot)));
  if (g_engine.root == nullptr) {
    return false;
  }
  g_engine.arena = arena;
  g_engine.clock = clock;
  g_engine.hooks = hooks;
  g_engine.tls_offset = tls_offset;
  return true;
}

void enter_another_arena(const Arena& arena, ClockKind clock) {
  ProcessRoot* const root = g_engine.root;
  const WordLock lock(&root->lock);
  for (ThreadState* state = root->threads; state != nullptr; state = state->next) {
    state->registered = 0;
    state->muted = 0;
    state->cursor = state->end = state->chunk_end = state->kept_cursor = nullptr;
    // Ids lie there, and the thread's next event takes one before it meets the missing chunk.
    __builtin_memset(state->of_embedder, 0, sizeof(state->of_embedder));
  }
  forget_names(root);
  g_engine.arena = arena;
  g_engine.clock = clock;
  store_release(&root->registered, uint32_t{0});
}

void ensure_process() {
  ProcessRoot* root = g_engine.root;
  if (__builtin_expect(load_acquire(&root->registered) != 0, 1)) {
    return;
  }
  {
    const WordLock lock(&root->lock);
    if (root->registered != 0) {
      return;
    }
    root->process = g_engine.hooks.process_slot();
    root->next_id = kFirstNameId;
    ++g_engine.epoch;
    store_release(&root->registered, uint32_t{1});
  }
  if (root->process < kMaxProcesses) {
    g_engine.hooks.describe_process();
    // Release: the collector reads the slot once the state says so.
    store_release(&g_engine.arena.processes[root->process].state,
                  static_cast<uint32_t>(ProcessState::kTracing));
  }
}

namespace {

// In a forked child none is; in another session all are that were.
bool is_listed(const ProcessRoot* root, const ThreadState* wanted) {
  const ThreadState* state = root->threads;
  while (state != nullptr && state != wanted) {
    state = state->next;
  }
  return state != nullptr;
}

// The state behind the word, which is the thread's or is made for it. Null: no memory.
ThreadState* register_state(ThreadState** word, uint32_t tid) {
  ensure_process();
  ProcessRoot* root = g_engine.root;
  ThreadState* state = *word;  // in a forked child: the parent's, wiped
  {
    const WordLock lock(&root->lock);
    if (state == nullptr || state == &g_last_resort) {
      state = take_state();
    } else if (state->registered == 0 && !is_listed(root, state)) {
      state->next = root->threads;
      root->threads = state;
    }
    if (state == nullptr) {
      return nullptr;
    }
    __builtin_memset(state->of_embedder, 0, sizeof(state->of_embedder));
    state->cursor = state->end = state->chunk_end = nullptr;
    state->base_ticks = 0;
    state->dropped = 0;
    state->next_class = 0;
    state->sequence = 0;
    state->care_words = 8;
    state->care_visits = 0;
    state->visits_due = 0;
    state->exit_watched = 0;
    state->tid = tid;
    state->registered = 1;
    state->in_use = 1;
    state->thread = root->process < kMaxProcesses
                        ? add_relaxed(&g_engine.arena.processes[root->process].threads, 1u)
                        : 0;
  }
  *word = state;
  const ThreadRecord record = {read_ticks(g_engine.clock), state->thread, state->tid};
  (void)publish_record(NameRecord::kThread, &record, sizeof(record));
  return state;
}

}  // namespace

ThreadState* register_thread() {
  ThreadState** const word = tls_word();
  ThreadState* const state = register_state(word, kernel_tid());
  if (state == nullptr) {
    *word = &g_last_resort;
    return &g_last_resort;
  }
  watch_exit(state);
  return state;
}

void watch_exit(ThreadState* state) {
  if (state->exit_watched == 0 && g_engine.hooks.watch_thread_exit != nullptr) {
    state->exit_watched = 1;
    g_engine.hooks.watch_thread_exit(state);
  }
}

ThreadState* register_other_thread(char* thread_pointer, uint32_t tid) {
  auto** const word = reinterpret_cast<ThreadState**>(thread_pointer + g_engine.tls_offset);
  ThreadState* const state = *word;
  return state != nullptr && state != &g_last_resort && state->registered != 0
             ? state
             : register_state(word, tid);
}

void end_thread(ThreadState* state) {
  if (state == nullptr) {
    return;
  }
  if (state->registered == 0) {  // in a forked child of the thread's process, or in another session
    store_release(&state->in_use, uint32_t{0});
    return;
  }
  const WordLock lock(&g_engine.root->lock);  // another may be visiting it
  if (state->muted != 0) {
    state->muted = 0;
    state->cursor = state->kept_cursor;
    state->kept_cursor = nullptr;
  }
  if (state->cursor != nullptr) {
    if (state->cursor != state->chunk_end) {
      const uint64_t delta = read_ticks(g_engine.clock) - state->base_ticks;
      store_release(
          state->cursor,
          opcode_word(delta > kEventDeltaMax ? kEventDeltaMax : delta, Opcode::kThreadEnd, 0));
    }
    finish_chunk(g_engine.arena, state->chunk);
  }
  state->cursor = state->end = state->chunk_end = nullptr;
  store_release(&state->in_use, uint32_t{0});
}

void finish_chunk_of(ThreadState* state) {
  if (state->registered == 0 || state->in_use == 0) {
    return;
  }
  uint64_t*& cursor = state->muted != 0 ? state->kept_cursor : state->cursor;
  if (cursor != nullptr) {
    finish_chunk(g_engine.arena, state->chunk);
    cursor = nullptr;
    state->cursor = state->end = state->chunk_end = nullptr;
  }
}

void finish_all_chunks() {
  visit_threads([](ThreadState* state, void*) { finish_chunk_of(state); }, nullptr);
}

void visit_threads(void (*visit)(ThreadState* state, void* argument), void* argument) {
  const WordLock lock(&g_engine.root->lock);
  for (ThreadState* state = g_engine.root->threads; state != nullptr; state = state->next) {
    visit(state, argument);
  }
}

}  // namespace vtn::tracer

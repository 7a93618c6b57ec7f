// SPDX-License-Identifier: Apache-2.0
//
// The engine's state inside one traced process, and how a process and its threads come to be known.
//
//   Engine       one per address space; set up once, the same in a forked child
//   ProcessRoot  in wiped pages: a forked child finds it empty and registers as a new process
//   ThreadState  in wiped pages: one per thread, reached through the shim's TLS pointer
//
// All that a writer trusts (cursor, end, base, caches, locks, table roots) lies in wiped pages, so
// that fork, _Fork and raw clone need no check per event: a child's cursor is null, the ordinary
// bounds check sends it down the slow path, and there it starts afresh. Freestanding.
#pragma once

#include <stdint.h>

#include "abi/event_abi.h"
#include "abi/names_abi.h"
#include "tracer/arena.h"
#include "tracer/clock.h"

namespace vtn::tracer {

// Room for what the embedder keeps of a thread. All zero when a thread begins, and in a forked
// child.
inline constexpr uint32_t kEmbedderBytes = 80 * 1024;

// Calls that begin while a thread is muted: so many are remembered.
inline constexpr uint32_t kMutedCalls = 64;

struct ThreadState {
  uint64_t* cursor;  // where the next word goes; null: not registered in this process
  uint64_t* end;     // the slow path is taken here: chunk_end, or earlier to look after the thread
  uint64_t base_ticks;  // what deltas count from
  uint64_t* chunk_end;
  ThreadState* next;  // all states of this process
  uint64_t dropped;   // events since the last chunk was full and none was to be had
  uint32_t registered;
  uint32_t in_use;  // 0: its thread has ended, the state may serve another
  uint32_t thread;
  uint32_t tid;
  uint32_t chunk;
  uint32_t next_class;
  uint32_t sequence;
  uint32_t freed_seen;    // control->freed_chunks when a claim last failed
  uint32_t care_words;    // distance of the next visit by EngineHooks::look_after; 0: none wanted
  uint32_t care_visits;   // how many there were
  uint32_t visits_due;    // further visits that were asked for, one at each of the next events
  uint32_t exit_watched;  // its thread has been asked to tell of its end
  uint32_t muted;         // times that mute() was called (mute.h); then nothing is recorded
  uint32_t muted_calls;   // that began meanwhile and are open
  uint32_t muted_closed;  // a gap meanwhile has closed what is open in the record
  uint32_t muted_ids[kMutedCalls];  // of the outermost of these calls
  uint64_t* kept_cursor;            // of a muted thread
  alignas(64) char of_embedder[kEmbedderBytes];
};

struct NamesTable;

struct ProcessRoot {
  uint32_t registered;
  uint32_t lock;  // WordLock: names, threads, tables
  uint32_t process;
  uint32_t names_chunk;
  uint32_t names_sequence;
  uint32_t names_class;
  uint64_t* names_cursor;
  uint64_t* names_end;
  uint32_t next_id;
  uint32_t table_entries;
  uint64_t table_capacity;
  struct NameEntry* table;
  ThreadState* threads;
};

// Calls out of the engine into whoever embeds it (the runtime). All run on the thread concerned.
struct EngineHooks {
  // Fills in and publishes the ProcessRecord of a process that has just been registered.
  void (*describe_process)();
  // A thread reached a place to look after it (care_words != 0: a name to find out; always: threads
  // that nobody told of), where this event is about to be recorded. True: come again soon, not only
  // when its chunk changes.
  bool (*look_after)(ThreadState* thread, EventKind kind, uint32_t id);
  // Ends with the thread: gives the state back through `end_thread`.
  void (*watch_thread_exit)(ThreadState* thread);
  // The slot of this process, filled in (pid, start_ticks), for a process that is being registered;
  // kMaxProcesses: it has none.
  uint32_t (*process_slot)(void);
};

struct Engine {
  Arena arena;
  ClockKind clock = ClockKind::kTsc;
  EngineHooks hooks = {};
  ProcessRoot* root = nullptr;
  long tls_offset = 0;  // of the shim's pointer, from the thread pointer
  uint64_t epoch = 0;   // counts registrations along a line of forks: never the same in a child
};

extern Engine g_engine;

// Maps nothing, registers nothing: that happens at the first event. False: no memory.
bool start_engine(const Arena& arena, ClockKind clock, const EngineHooks& hooks, long tls_offset);

// The calling thread's TLS word.
inline ThreadState** tls_word() {
  char* thread_pointer;
  __asm__("movq %%fs:0, %0" : "=r"(thread_pointer));
  return reinterpret_cast<ThreadState**>(thread_pointer + g_engine.tls_offset);
}

// Registers process and thread where that has not happened; never null. Slow. Without a slot or
// memory the state only counts.
ThreadState* register_thread();

// The same of another thread, which does not run meanwhile nor ends: `thread_pointer` is its (as
// %fs:0 has it). Null: no memory. Its end is not heard of before its first event.
ThreadState* register_other_thread(char* thread_pointer, uint32_t tid);

// HOT PATH. The state of the calling thread; null: it has none yet.
inline ThreadState* thread_or_null() {
  ThreadState* state;
  __asm__ volatile("movq %%fs:(%1), %0" : "=r"(state) : "r"(g_engine.tls_offset));
  return state;
}

// HOT PATH. The state of the calling thread.
inline ThreadState* current_thread() {
  ThreadState* state = thread_or_null();
  if (__builtin_expect(state != nullptr, 1)) {
    return state;
  }
  return register_thread();
}

// Registers the process if it is not (a forked child). Slow paths that use ids call it first.
void ensure_process();

// From now on this process is recorded into another session's arena, as a process that is not known
// there yet. Nobody records meanwhile, and what was recorded was given away. Registers nothing: as
// start_engine().
void enter_another_arena(const Arena& arena, ClockKind clock);

// On its own thread: has it tell of its end, if it does not already.
void watch_exit(ThreadState* state);

// The thread ends: its chunk is given to the collector. No Python, no allocation. Called by the
// shim's thread-exit hook; harmless in a forked child.
void end_thread(ThreadState* state);

// Gives what the thread, or every thread of this process, has recorded to the collector; it goes on
// in another chunk. Nobody may be recording on it meanwhile.
void finish_chunk_of(ThreadState* state);
void finish_all_chunks();

// Calls `visit` for the state of each thread that this process has, or had, while no thread begins
// or ends.
void visit_threads(void (*visit)(ThreadState* state, void* argument), void* argument);

}  // namespace vtn::tracer

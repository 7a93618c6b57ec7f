// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. What the runtime keeps of a thread, in the room that the engine's ThreadState has for
// it. All zero at the thread's first event, and in a forked child.
#pragma once

#include <stdint.h>

#include "runtime/python/python_api.h"
#include "tracer/engine.h"

namespace vtn::runtime {

struct CodeIds {
  uint32_t id;
  uint32_t resumed_id;  // where it goes on, of a generator or coroutine; of other code the same
};

// What is known of a code object, by its address.
struct CodeCacheEntry {
  const void* code;
  CodeIds ids;
};

// What is known of a C callable, by the two addresses that identify it. Addresses of heap objects
// come back at once, so it holds while what stands behind them is the same (functions.h).
struct CallableCacheEntry {
  const void* key;
  const void* type;
  const char* type_name;  // where the type's name lay; null: all names last for ever
  uint32_t id;
  uint32_t version_tag;  // of the type then; 0: it had none, or another name is not to be relied on
};

// An exception that a handler of the thread's has, as far as is known (marks/exceptions.h).
struct HandledException {
  const void* exception;  // an address, nothing more
  const void* frame;
  uint64_t ticks;
  uint32_t name;  // of the mark that it will be
  uint32_t line;
  bool of_generator;
};
inline constexpr uint32_t kMostHandled = 12;

// A call of a known function that has begun (known/known_functions.h).
struct OpenKnownCall {
  const void* argument;  // its first one, an address, nothing more
  uint64_t begin_ticks;
  uint8_t row;
  // What its row keeps of it (known/test_rows.cc):
  uint8_t outcome;
  bool is_fixture;
  bool is_told;
  uint32_t name;  // the id of its span
};
inline constexpr uint32_t kMostOpenKnown = 12;

// A range that a library has begun (known/nvtx_ranges.cc).
struct NvtxOpenRange {
  uint64_t begin_ticks;
  uint64_t payload;
  const void* domain;
  uint32_t name;  // the id of its span
  uint32_t category;
  uint32_t payload_type;
};
inline constexpr uint32_t kMostNvtxRanges = 32;

inline constexpr uint32_t kCodeCacheBits = 11;
inline constexpr uint32_t kCallableCacheBits = 10;

struct ThreadPart {
  uint32_t named;                // threading knows its name
  uint32_t profile_paused;       // the program's own profiler has this thread
  const PyThread* python_state;  // its thread state, where C profilers are watched; or null
  uintptr_t setprofile;          // a call of sys.setprofile in progress (own_profilers.h)
  uintptr_t stack_limit;         // lowest address an evaluation function may use; 0: unknown
  uint32_t guards_seen;          // stack guards there had been when it last made a call
  uint32_t met;                  // it had an event in this process
  uint32_t
      stack_is_closed;   // by a gap, of a pause: what is open is to be opened again (open_stack.h)
  uint32_t pauses_seen;  // pauses there had been when its last gap of that kind was drawn
  void* caller_lines;    // what is known of callers (caller_lines.h); null: nothing so far
  void* comment_marks;   // what magic comments wait for (comment_marks.h); null: nothing
  uint32_t handled_count;
  uint32_t handled_plainly;    // of those, in frames that no generator has
  uint32_t muted;              // code of the program's runs for the recorder: nothing is recorded
  const void* told_exception;  // the last one that was told of; an address, nothing more
  HandledException handled[kMostHandled];
  uint32_t known_count;
  OpenKnownCall known[kMostOpenKnown];  // the innermost is the last
  uint32_t nvtx_count;
  uint32_t nvtx_deeper;                 // pushed where there was no room
  NvtxOpenRange nvtx[kMostNvtxRanges];  // likewise
  uint64_t name_hash;                   // of the name that was published last; 0: none
  CodeCacheEntry codes[1u << kCodeCacheBits];
  CallableCacheEntry callables[1u << kCallableCacheBits];
  uint64_t name_hashes[1u << kCallableCacheBits];  // of the names of callables; 0: they last
  uint16_t values[1u << kCodeCacheBits];  // of codes, where values are wanted: WantedValues::brief
};
static_assert(sizeof(ThreadPart) <= tracer::kEmbedderBytes);
static_assert(alignof(ThreadPart) <= 64);

inline ThreadPart* part_of(tracer::ThreadState* thread) {
  return reinterpret_cast<ThreadPart*>(thread->of_embedder);
}
inline const ThreadPart* part_of(const tracer::ThreadState* thread) {
  return reinterpret_cast<const ThreadPart*>(thread->of_embedder);
}

inline uint32_t code_cache_slot(const void* code) {
  return static_cast<uint32_t>((reinterpret_cast<uintptr_t>(code) * 0x9e37'79b9'7f4a'7c15u) >>
                               (64 - kCodeCacheBits));
}

// Where it is looked for first. The slot beside it (the lowest bit turned) is the second place.
inline uint32_t callable_cache_slot(const void* key, const void* type) {
  return static_cast<uint32_t>(
      ((reinterpret_cast<uintptr_t>(key) + 3 * reinterpret_cast<uintptr_t>(type)) *
       0x9e37'79b9'7f4a'7c15u) >>
      (64 - kCallableCacheBits));
}

}  // namespace vtn::runtime

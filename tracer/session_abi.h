// SPDX-License-Identifier: Apache-2.0
//
// The shared memory of a session: two files in the session folder, mapped by the launcher's
// processes and by every traced process.
//
//   control   ControlPage, then kMaxProcesses ProcessSlots
//   arena     table of ChunkHeaders, then the chunks, class by class (ArenaGeometry)
//
// Every integer that two processes touch is read and written with __atomic builtins. The collector
// must treat all of it as hostile: a traced program can scribble on any mapped byte.
#pragma once

#include <stdint.h>

namespace vtn {

inline constexpr uint64_t kControlMagic = 0x3130'6c74'636e'7476;  // "vtnctl01"
inline constexpr uint32_t kSessionAbiVersion = 1;
inline constexpr uint32_t kMaxProcesses = 32768;

inline constexpr char kControlFileName[] = "control";
inline constexpr char kArenaFileName[] = "arena";
inline constexpr char kShimLinkName[] = "libvtn.so";             // symlink to the installed shim
inline constexpr char kRuntimeFileName[] = "libvtn_runtime.so";  // beside the installed shim

// What a producer that finds no free chunk does depends on this alone.
enum class SessionState : uint32_t {
  kRecording = 1,    // wait while the collector makes progress
  kSpoolFull = 2,    // count and drop
  kNoCollector = 3,  // count and drop
  kStopping = 4,     // the run is over: count and drop
};

enum SessionOption : uint32_t {
  kOptionIgnoreCFunctions = 1u << 0,
};

enum class ClockKind : uint32_t { kTsc = 1, kMonotonic = 2 };

// Chunk sizes. A thread's first chunk is of the smallest class, each next one class up, so a
// thousand idle threads starve nobody. Any class serves when the wanted one has none free.
inline constexpr uint32_t kChunkClasses = 5;
inline constexpr uint32_t kSmallestChunkBytes = 4096;  // class c: kSmallestChunkBytes << c

struct ChunkClass {
  uint64_t offset_bytes;  // of its first chunk in the arena file
  uint32_t first_chunk;   // index of its first header
  uint32_t count;
};

struct ArenaGeometry {
  uint64_t arena_bytes;
  uint32_t chunk_count;
  uint32_t reserved;
  ChunkClass classes[kChunkClasses];
};

enum class ChunkState : uint32_t {
  kAbsent = 0,  // no memory behind it yet: the collector allocates and sets kFree
  kFree = 1,    // zeroed, up for a compare-and-swap to kOwned
  kOwned = 2,   // a thread writes
  kFull = 3,    // the thread is done with it; the collector drains, zeroes, sets kFree
};

enum class ChunkKind : uint32_t { kEvents = 1, kNames = 2 };

// Owner word: state in the top 8 bits, process slot in the next 24, thread number below.
constexpr uint64_t chunk_owner(ChunkState state, uint32_t process, uint32_t thread) {
  return (static_cast<uint64_t>(state) << 56) | (static_cast<uint64_t>(process) << 32) | thread;
}
constexpr ChunkState chunk_state(uint64_t owner) { return static_cast<ChunkState>(owner >> 56); }
constexpr uint32_t chunk_process(uint64_t owner) {
  return static_cast<uint32_t>(owner >> 32) & 0xff'ffff;
}
constexpr uint32_t chunk_thread(uint64_t owner) { return static_cast<uint32_t>(owner); }

struct ChunkHeader {
  uint64_t owner;       // the claim; the only word that is compared and swapped
  uint64_t base_ticks;  // what the first event deltas count from
  uint32_t kind;        // ChunkKind; 0 until the owner has written the fields above and below
  uint32_t sequence;    // of the thread's chunks (kEvents) or of the process's (kNames), from 0
  uint32_t tid;         // the kernel's
  uint32_t size_bytes;
  uint64_t reserved[4];
};
static_assert(sizeof(ChunkHeader) == 64);

enum class ProcessState : uint32_t {
  kUnused = 0,
  kClaimed = 1,   // being filled in
  kTracing = 2,   // its names stream begins with a ProcessRecord
  kUntraced = 3,  // a CPython, or something like one, that runs untraced: see reason
};

enum class UntracedReason : uint32_t {
  kNone = 0,
  kTooOld = 1,         // a CPython before 3.10
  kSelfTest = 2,       // the interpreter is not laid out as expected
  kNoArena = 3,        // the arena could not be mapped
  kJit = 4,            // 3.14's JIT corrupts locals under any tool
  kFreeThreaded = 5,   // a build without the GIL
  kApiMissing = 6,     // a function of the C API is not there
  kInstallFailed = 7,  // the interpreter refused the callbacks
};

struct ProcessSlot {
  uint32_t state;   // ProcessState; claimed by compare-and-swap from kUnused
  uint32_t reason;  // UntracedReason
  uint32_t pid;     // as the process sees itself
  uint32_t python_version;
  uint64_t start_ticks;
  uint32_t threads;      // thread numbers given out
  uint32_t stalls;       // times a thread waited for a chunk
  uint64_t lost_events;  // not recorded, all threads
  uint64_t stall_ticks;
  uint64_t reserved[10];
};
static_assert(sizeof(ProcessSlot) == 128);

struct ControlPage {
  uint64_t magic;
  uint32_t abi_version;
  uint32_t options;             // SessionOption bits
  uint32_t clock_kind;          // ClockKind
  uint32_t state;               // SessionState
  uint32_t full_chunks;         // counts chunks set to kFull; the collector waits on it (futex)
  uint32_t freed_chunks;        // counts chunks set to kFree; producers without a chunk wait on it
  uint32_t waiting_producers;   // who waits on freed_chunks
  uint32_t collector_waiting;   // 1 while the collector waits on full_chunks: wake it
  uint32_t process_high_water;  // slots ever used
  uint32_t reserved0;
  ArenaGeometry geometry;
  uint64_t reserved1[16];
  char reserved2[3584];
};
static_assert(sizeof(ControlPage) <= 4096);

inline constexpr uint64_t kControlHeadBytes = 4096;
inline constexpr uint64_t kControlBytes =
    kControlHeadBytes + static_cast<uint64_t>(kMaxProcesses) * sizeof(ProcessSlot);

}  // namespace vtn

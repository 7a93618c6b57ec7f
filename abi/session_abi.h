// SPDX-License-Identifier: Apache-2.0
//
// The shared memory of a session: two files in the session folder, mapped by the launcher's
// processes and by every traced process.
//
//   control   ControlPage, kMaxProcesses ProcessSlots, kMaxSwitchedOff SwitchedOff entries
//             (control_abi.h: shared with the shim)
//   arena     table of ChunkHeaders, then the chunks, class by class (ArenaGeometry)
//
// Every integer that two processes touch is read and written with __atomic builtins. The collector
// must treat all of it as hostile: a traced program can scribble on any mapped byte.
#pragma once

#include <stdint.h>

#include "abi/control_abi.h"

namespace vtn {

inline constexpr uint64_t kControlMagic = VTN_CONTROL_MAGIC;
inline constexpr uint32_t kSessionAbiVersion = VTN_SESSION_ABI_VERSION;
inline constexpr uint32_t kMaxProcesses = VTN_MAX_PROCESSES;
inline constexpr uint32_t kMaxSwitchedOff = VTN_MAX_SWITCHED_OFF;

inline constexpr char kControlFileName[] = "control";
inline constexpr char kArenaFileName[] = "arena";
// Exported by the shim, const char* (*)(void): vtn_control_page.host, or null where there is none.
inline constexpr char kHostSymbol[] = "vtn_embedded_python";
inline constexpr char kShimLinkName[] = "libvtn.so";     // symlink to the installed shim
inline constexpr char kSpoolLinkName[] = "spool";        // symlink to what is recorded into
inline constexpr char kLauncherLinkName[] = "launcher";  // symlink to the command
inline constexpr char kEntryFileName[] = "enter.so";  // a copy, to be loaded by a process that runs
inline constexpr char kInstalledEntryName[] = "libvtn_enter.so";  // beside the installed shim
inline constexpr char kRuntimeFileName[] = "libvtn_runtime.so";   // beside the installed shim

// What a producer that finds no free chunk does depends on this alone.
enum class SessionState : uint32_t {
  kRecording = 1,    // wait while the collector makes progress
  kSpoolFull = 2,    // count and drop
  kNoCollector = 3,  // count and drop
  kStopping = 4,     // the run is over: count and drop
};

enum SessionOption : uint32_t {
  kOptionIgnoreCFunctions = VTN_OPTION_IGNORE_C_FUNCTIONS,
  kOptionOnlyProgram = VTN_OPTION_ONLY_PROGRAM,
  kOptionLogLines = VTN_OPTION_LOG_LINES,
  kOptionMine = VTN_OPTION_MINE,
  kOptionNoStandardLibrary = VTN_OPTION_NO_STANDARD_LIBRARY,
  kOptionNoImport = VTN_OPTION_NO_IMPORT,
  kOptionIgnoreFrozen = VTN_OPTION_IGNORE_FROZEN,
  kOptionArguments = VTN_OPTION_ARGUMENTS,
  kOptionReturnValues = VTN_OPTION_RETURN_VALUES,
  kOptionNoRepr = VTN_OPTION_NO_REPR,
  kOptionNoRedact = VTN_OPTION_NO_REDACT,
  kOptionLogGc = VTN_OPTION_LOG_GC,
  kOptionLogExceptions = VTN_OPTION_LOG_EXCEPTIONS,
  kOptionOwnRepr = VTN_OPTION_OWN_REPR,
  kOptionObjectFields = VTN_OPTION_OBJECT_FIELDS,
  kOptionLogPrint = VTN_OPTION_LOG_PRINT,
  kOptionLogAudit = VTN_OPTION_LOG_AUDIT,
  kOptionLogSparse = VTN_OPTION_LOG_SPARSE,
  kOptionMagicComments = VTN_OPTION_MAGIC_COMMENTS,
  kOptionBudget = VTN_OPTION_BUDGET,
  kOptionNoAlias = VTN_OPTION_NO_ALIAS,
  kOptionNoLibrarySpans = VTN_OPTION_NO_LIBRARY_SPANS,
  kOptionNoRows = VTN_OPTION_NO_ROWS,
};

enum class ClockKind : uint32_t { kTsc = VTN_CLOCK_TSC, kMonotonic = VTN_CLOCK_MONOTONIC };

// Chunk sizes. A thread's first chunk is of the smallest class, each next one class up, so a
// thousand idle threads starve nobody. Any class serves when the wanted one has none free.
inline constexpr uint32_t kChunkClasses = VTN_CHUNK_CLASSES;
inline constexpr uint32_t kSmallestChunkBytes = 4096;  // class c: kSmallestChunkBytes << c

using ChunkClass = vtn_chunk_class;
using ArenaGeometry = vtn_arena_geometry;

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
  kUnused = VTN_SLOT_UNUSED,
  kClaimed = VTN_SLOT_CLAIMED,
  kPresent = VTN_SLOT_PRESENT,
  kTracing = VTN_SLOT_TRACING,
  kUntraced = VTN_SLOT_UNTRACED,
  kWithdrawn = VTN_SLOT_WITHDRAWN,
};

enum class SlotKind : uint32_t {
  kImage = VTN_SLOT_IMAGE,
  kForked = VTN_SLOT_FORKED,
  kStart = VTN_SLOT_START,
};

enum SlotFlag : uint32_t {
  kSlotPython = VTN_SLOT_PYTHON,
  kSlotAttached = VTN_SLOT_ATTACHED,
};

enum class UntracedReason : uint32_t {
  kNone = VTN_UNTRACED_NONE,
  kTooOld = VTN_UNTRACED_TOO_OLD,
  kSelfTest = VTN_UNTRACED_SELF_TEST,
  kNoArena = VTN_UNTRACED_NO_ARENA,
  kJit = VTN_UNTRACED_JIT,
  kFreeThreaded = VTN_UNTRACED_FREE_THREADED,
  kApiMissing = VTN_UNTRACED_API_MISSING,
  kInstallFailed = VTN_UNTRACED_INSTALL_FAILED,
  kStatic = VTN_UNTRACED_STATIC,
  kSetuid = VTN_UNTRACED_SETUID,
  kForeign = VTN_UNTRACED_FOREIGN,
  kSanitizer = VTN_UNTRACED_SANITIZER,
  kLoader = VTN_UNTRACED_LOADER,
  kExcluded = VTN_UNTRACED_EXCLUDED,
  kNotWanted = VTN_UNTRACED_NOT_WANTED,
  kSwitchedOff = VTN_UNTRACED_SWITCHED_OFF,
  kUnreachable = VTN_UNTRACED_UNREACHABLE,
  kPastUs = VTN_UNTRACED_PAST_US,
  kLeft = VTN_UNTRACED_LEFT,
};

using ProcessSlot = vtn_process_slot;
using ControlPage = vtn_control_page;
using SwitchedOff = vtn_switched_off;

inline constexpr uint64_t kControlHeadBytes = VTN_CONTROL_HEAD_BYTES;
inline constexpr uint64_t kSlotsEnd = VTN_SLOTS_END;
inline constexpr uint64_t kControlBytes = VTN_CONTROL_BYTES;
// Slots that have memory from the start.
inline constexpr uint32_t kFirstProcessSlots = 1024;
inline constexpr uint64_t kFirstControlBytes =
    kControlHeadBytes + static_cast<uint64_t>(kFirstProcessSlots) * sizeof(ProcessSlot);

}  // namespace vtn

// SPDX-License-Identifier: Apache-2.0
//
// The names stream of a process: who it is, its threads, and the text behind every id that its
// event words use. It has chunks of its own (ChunkKind::kNames), which are never dropped, and a
// record is published before the id it defines is first used. Ids are never used again for another
// name, so a reader that has drained the names before a chunk of events can decode that chunk.
//
// A record is a head word, a fixed struct and text, padded to whole words. The head is stored last,
// with release; a zero head means that nothing follows yet. Records never cross a chunk's end.
// Text is UTF-8 as the program gave it: it may be invalid (lone surrogates are encoded as such).
#pragma once

#include <stdint.h>

namespace vtn {

enum class NameRecord : uint32_t {
  kProcess = 1,      // ProcessRecord, first record of a process
  kThread = 2,       // ThreadRecord, before the thread's first chunk of events
  kFunction = 3,     // FunctionRecord
  kThreadName = 4,   // TextRecord, key = thread number; one more for each name that it gets
  kProcessName = 5,  // TextRecord; the last one counts
  kNotice = 6,       // TextRecord, key = NoticeKind: something to be known of this process
  kHidden = 7,       // FunctionRecord with id kIdHidden: it is not recorded, as was asked for
  kParameters = 8,  // TextRecord, key = id of a function: names of its parameters, NUL between each
  kSwitchedOff = 9,  // SwitchedOffRecord: calls of a function are not recorded any more (--budget)
};

// Words of the whole record, head included, above its type.
constexpr uint64_t name_record_head(NameRecord type, uint32_t words) {
  return (static_cast<uint64_t>(words) << 32) | static_cast<uint32_t>(type);
}
constexpr uint32_t name_record_words(uint64_t head) { return static_cast<uint32_t>(head >> 32); }
constexpr NameRecord name_record_type(uint64_t head) {
  return static_cast<NameRecord>(static_cast<uint32_t>(head));
}

// Longer text is cut, at a character. A chunk of the smallest class holds any record.
inline constexpr uint32_t kMaxNameBytes = 1024;
inline constexpr uint32_t kMaxArgvBytes = 1536;

enum class FunctionKind : uint32_t {
  kPython = 1,    // text: qualified name (3.10: bare name); file; line of its definition
  kC = 2,         // text: module.name, type.method or bare name; no file
  kType = 3,      // a class that is called; text: its name
  kCallable = 4,  // any other callable; text: its type's name
  // Not functions: what marks are called (NoteKind::kInstant, kCounter); their category as file.
  kInstant = 5,
  kCounter = 6,  // line: of a series the place of the dot in its name
  kFold = 7,     // calls that were put together, in recordings that reports are made of
  kSpan = 8,     // a stretch of time that the program names
};

enum FunctionFlag : uint32_t {
  // A generator's function, or a coroutine's, has two ids, one behind the other: a call of the
  // second is what goes on when the generator is resumed. Both end by the name of the first.
  kFunctionResumed = 1,
  // What is below a call of it is not wanted, nor is the call (--exclude_subtree).
  kFunctionExcludesSubtree = 2,
  // Of marks:
  kFunctionOfProcess = 4,  // it is of the whole process, not of the thread that it happens in
  kFunctionOfAll = 8,      // or of all processes
  kFunctionOfObject = 16,  // an object that the program watches: "event", "id", and its values
  kFunctionIsRaw = 32,     // its value is JSON: an event in the words of Chrome's trace format
};
// What stands above tells spans of one name apart whose values have other names.
inline constexpr uint32_t kFunctionFlagBits = 8;

struct FunctionRecord {
  uint32_t id;
  FunctionKind kind;
  uint32_t line;        // 0 where there is none
  uint32_t name_bytes;  // the text behind the struct: name, then file
  uint32_t file_bytes;
  uint32_t flags;  // FunctionFlag
};

enum class Backend : uint32_t { kProfile = 1, kEvalFrame = 2, kMonitoring = 3 };

struct ProcessRecord {
  uint64_t start_ticks;
  uint32_t pid;
  uint32_t parent_pid;
  uint32_t python_version;  // as PY_VERSION_HEX
  Backend backend;
  uint32_t unused;
  uint32_t executable_bytes;  // the text behind the struct: executable, cwd, argv (NUL after each)
  uint32_t cwd_bytes;
  uint32_t argv_bytes;
};

struct ThreadRecord {
  uint64_t start_ticks;
  uint32_t thread;  // number within the process, from 0
  uint32_t tid;     // the kernel's
};

// Calls that were open then are recorded to their end.
struct SwitchedOffRecord {
  uint64_t ticks;
  uint32_t id;
  uint32_t unused;
};

enum class NoticeKind : uint32_t {
  kAuditHookStays = 1,   // somebody's hook lies before ours: audited calls stay slower
  kProfilerTaken = 2,    // the program's own profiler had a thread for a while
  kLinesByApi = 3,       // frames are not laid out as expected: callers' lines cost more
  kVariablesUntold = 4,  // --log_var and its like: bindings are not told, the text says why
  kCommentIgnored = 5,   // a magic comment: the text says where, and why
  kBudgetUnheeded = 6,   // --budget: nothing is switched off, the text says why
  kCommentNames = 7,     // a magic comment makes too many names of marks: the text says where
  kImported = 8,  // it was recorded by something else: the text says what, and what is not here
};

struct TextRecord {
  uint32_t key;
  uint32_t text_bytes;  // behind the struct
};

}  // namespace vtn

// SPDX-License-Identifier: Apache-2.0
//
// The event word: what a traced thread writes eight bytes at a time, and what the reader decodes.
//
//    63                    24 23 22 21                    0
//   +------------------------+-----+-----------------------+
//   | ticks since chunk base | kind|          id           |
//   +------------------------+-----+-----------------------+
//
// The id names a function (names_abi.h) or, for kOpcode, holds an Opcode, its payload length and,
// of a note, its kind.
// Every end says what it ends: no end may be trusted to pair with the last beginning, because
// CPython sends ends too many (bound C methods on 3.12/3.13) and greenlets interleave. The zero
// word is never an event: it marks what is not written yet.
#pragma once

#include <stdint.h>

namespace vtn {

inline constexpr unsigned kEventIdBits = 22;
inline constexpr unsigned kEventKindBits = 2;
inline constexpr unsigned kEventDeltaShift = kEventIdBits + kEventKindBits;
inline constexpr unsigned kEventDeltaBits = 64 - kEventDeltaShift;
inline constexpr uint64_t kEventIdMask = (uint64_t{1} << kEventIdBits) - 1;
inline constexpr uint64_t kEventDeltaMax = (uint64_t{1} << kEventDeltaBits) - 1;

enum class EventKind : uint32_t {
  kEnter = 0,   // a call begins (or a generator is resumed)
  kLeave = 1,   // it returned
  kUnwind = 2,  // it was left by an exception, or it yielded
  kOpcode = 3,  // not a call: see Opcode
};

// Ids below kFirstNameId are not names.
enum ReservedId : uint32_t {
  kIdNone = 0,
  kIdAnyPython = 1,  // in an end: the innermost open Python call (the profile path knows no more)
  kIdTooManyNames = 2,  // in a beginning and its end: the process ran out of ids
  kIdHidden = 3,        // in no event: what is not recorded, in the recorder's own tables
  kIdInnermost = 4,     // in an end that the collector puts itself: the innermost open call is gone
  kFirstNameId = 16,
};
inline constexpr uint32_t kMaxNameId = static_cast<uint32_t>(kEventIdMask);

// In the id field of a kOpcode word: opcode in the low 8 bits, payload words in the next 8, the
// kind of a note in the 6 above. The payload follows the head, in the same chunk. It is stored
// first, the head last, with release.
enum class Opcode : uint32_t {
  kResync = 1,     // payload: new base, absolute ticks. Later deltas count from it
  kGap = 2,        // payload: number of events lost, GapReason. Calls open before it are closed
  kThreadEnd = 3,  // no payload: the thread is gone, nothing follows
  kNote = 4,       // something told of the event that follows, or of the thread: see NoteKind
};
inline constexpr uint32_t kMaxPayloadWords = 255;

// The payload of a note: a key in the low half of its first word and bytes in the high half, then
// so many bytes, padded with zeros. A kind that is not known is none the worse for it.
enum class NoteKind : uint32_t {
  kThreadName = 1,  // the thread has another name from here on: its bytes
  // key: the line that the caller is at. Holds for the next call, and from there on for each call
  // of that function in this chunk, until it is told again. 0: not known.
  kCallerLine = 2,
  // Before a call begins: the values of its arguments (value_abi.h), as many as the key says; their
  // names are in the function's record of parameters.
  kArguments = 3,
  // Before it ends: what it returned or yielded, one value.
  kReturnValue = 4,
  // Before it ends, put by the collector: kArguments once more, of the call that ends, where that
  // began in an earlier chunk.
  kArgumentsOfEnd = 5,
  // Before a fold begins, in recordings that reports are made of (report/fold/fold_note.h): what it
  // stands for. key: how many calls.
  kFold = 6,
  // Before it ends, put by the collector: what the program itself told of the call that ends
  // (kCallValue). Bytes: names and values, pair by pair, as of a mark.
  kNamedValues = 7,
  // Marks: something that happened at a point in time. key: the id of its name (FunctionKind::
  // kInstant, kCounter). Bytes: when, in absolute ticks; then names (text of value_abi.h) and
  // values, pair by pair. A value whose name is empty is the mark's own.
  kInstant = 32,
  kCounter = 33,  // a number has another value from here on
  // A span that was suspended, or left elsewhere than it was entered: told of at its end, its stamp
  // is its beginning. The first value, "ticks", says how long it was. key: a FunctionKind::kSpan.
  kSpan = 34,
  // Such a span has begun, at its stamp, with these values. kSpan tells all of it once more, by key
  // and stamp, so this is what there is of one that never ends.
  kSpanBegin = 35,
  // A value that the program attaches to a call that is open. As kInstant, with one pair; behind
  // that in 4 bytes the function's id: it is of the innermost call of that function. The collector
  // makes kNamedValues of it, or where there is no such call the instant; no file has it.
  kCallValue = 36,
};
inline constexpr uint32_t kFirstMark = 32;  // kinds from here on have a stamp of their own
inline constexpr uint32_t kMaxNoteKind = 63;
inline constexpr uint32_t kMaxNoteBytes = (kMaxPayloadWords - 1) * sizeof(uint64_t);

enum class GapReason : uint64_t {
  kArenaFull = 1,       // the collector did not keep up, or the spool's disk is full
  kOtherProfiler = 2,   // the program's own profiler had the thread (3.10, 3.11)
  kStackGuard = 3,      // too little C stack left for an evaluation function (3.11)
  kOtherEvaluator = 4,  // an extension's evaluation function took the place of ours (3.11)
  kPaused = 5,          // recording was paused or stopped; open calls were open until then
};

constexpr uint64_t event_word(uint64_t delta_ticks, EventKind kind, uint32_t id) {
  return (delta_ticks << kEventDeltaShift) | (static_cast<uint64_t>(kind) << kEventIdBits) | id;
}
constexpr uint64_t opcode_word(uint64_t delta_ticks, Opcode opcode, uint32_t payload_words) {
  return event_word(
      delta_ticks, EventKind::kOpcode, static_cast<uint32_t>(opcode) | (payload_words << 8));
}
constexpr uint64_t note_word(uint64_t delta_ticks, NoteKind kind, uint32_t payload_words) {
  return opcode_word(delta_ticks, Opcode::kNote, payload_words) |
         (static_cast<uint64_t>(kind) << 16);
}
constexpr uint64_t note_key(uint32_t key, uint32_t bytes) {
  return (static_cast<uint64_t>(bytes) << 32) | key;
}
constexpr uint32_t note_bytes(uint64_t key) { return static_cast<uint32_t>(key >> 32); }
constexpr uint64_t event_delta(uint64_t word) { return word >> kEventDeltaShift; }
constexpr EventKind event_kind(uint64_t word) {
  return static_cast<EventKind>((word >> kEventIdBits) & 3);
}
constexpr uint32_t event_id(uint64_t word) { return static_cast<uint32_t>(word & kEventIdMask); }
constexpr Opcode event_opcode(uint64_t word) { return static_cast<Opcode>(word & 0xff); }
constexpr uint32_t event_payload_words(uint64_t word) {
  return static_cast<uint32_t>((word >> 8) & 0xff);
}
constexpr NoteKind event_note_kind(uint64_t word) {
  return static_cast<NoteKind>((word >> 16) & kMaxNoteKind);
}

}  // namespace vtn

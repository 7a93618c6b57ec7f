// SPDX-License-Identifier: Apache-2.0
//
// One frame of events before it is compressed: what call assembly fills and the codec writes.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include <stddef.h>
#include <stdint.h>

#include "spool/format.h"

namespace vtn::spool {

inline constexpr uint32_t kMaxCallerLine = 0xff'ffff;

inline constexpr uint32_t kOpenPython = 1;   // an end of kIdAnyPython may end it
inline constexpr uint32_t kOpenResumed = 2;  // an end of the id before its own ends it

// A call that has begun and not ended.
struct OpenCall {
  uint64_t start_ticks;
  uint32_t id;
  uint32_t traits : 8;  // kOpen...; but for the first bit only while calls are put together
  uint32_t line : 24;   // of its caller, as a note told; 0: not known
};
static_assert(sizeof(OpenCall) == 16);

struct Special {
  SpecialOp op;
  uint64_t lost_events;
  uint64_t reason;  // GapReason
};

// Something told of the op that follows, or of the thread (event_abi.h).
struct Note {
  uint32_t op;    // index of the op that it precedes; the number of ops: it follows them all
  uint32_t kind;  // NoteKind; any other is skipped by who uses it
  uint64_t key;
  std::string_view bytes;  // borrowed: of the chunk, or of the decoded frame
  uint64_t ticks = 0;      // of marks (from kFirstMark on): when
};

// Reused from frame to frame, so that nothing is allocated once it has grown.
struct FrameColumns {
  EventsFrame head = {};
  std::vector<uint32_t> functions;  // ids, in the order of first use in the frame
  std::vector<OpenCall> closed;     // open before the frame, closed in it; innermost first
  std::vector<OpenCall> left_open;  // begun in the frame, open after it; innermost first
  std::vector<Special> specials;
  std::vector<uint64_t> wide;         // steps that do not fit 16 bits
  std::vector<Note> notes;            // in their order; kEventsNotes says that there are some
  std::unique_ptr<uint16_t[]> codes;  // head.ops of them
  std::unique_ptr<uint16_t[]> steps;

  // Empties everything; room for so many ops.
  void reset(size_t max_ops) {
    if (max_ops > capacity_) {
      capacity_ = max_ops * 2;
      codes.reset(new uint16_t[capacity_]);
      steps.reset(new uint16_t[capacity_]);
    }
    head = {};
    functions.clear();
    closed.clear();
    left_open.clear();
    specials.clear();
    wide.clear();
    notes.clear();
  }

 private:
  size_t capacity_ = 0;
};

}  // namespace vtn::spool

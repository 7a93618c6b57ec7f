// SPDX-License-Identifier: Apache-2.0
//
// Frames of events of one thread, from calls that are told one after the other and nest. HOT PATH.
// Stamps are ticks of the file's clock. One that does not follow the one before it is moved right
// behind it: stamps of a thread increase strictly (format.h). Thread-bound.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <stdint.h>

#include "abi/event_abi.h"
#include "base/result.h"
#include "spool/codec.h"
#include "spool/writer.h"

namespace vtn::spool {

// Which function has which code in the frame at hand: shared by builders that take turns.
class FrameCodes {
 public:
  // A number that no frame had before.
  uint32_t next_frame() { return ++frame_; }
  // The code's place for a function; it is of the frame if `frame` says so.
  struct Entry {
    uint32_t frame = 0;
    uint16_t code = 0;
    uint32_t line = 0;  // the last that a note told of its callers
  };
  Entry& entry(uint32_t id) {
    if (id >= entries_.size()) {
      entries_.resize(static_cast<size_t>(id) + id / 2 + 64);
    }
    return entries_[id];
  }

 private:
  std::vector<Entry> entries_;
  uint32_t frame_ = 0;
};

// What had to be changed so that stamps increase.
struct MovedStamps {
  uint64_t stamps = 0;
  uint64_t most_ticks = 0;
};

class FrameBuilder {
 public:
  FrameBuilder(Writer& writer,
               FrameEncoder& encoder,
               FrameCodes& codes,
               uint32_t image,
               uint32_t thread,
               uint32_t tid);

  // Before anything else, where the thread goes on: the number of its next frame, its last stamp
  // and what is open, outermost first. `has_ops`: the stamp is an op's, so that the next is later.
  void resume(uint32_t sequence,
              uint64_t last_ticks,
              bool has_ops,
              const std::vector<OpenCall>& open);

  // Before each begin, end, gap or mark, and before its notes: a full frame is written.
  Status ready();
  void begin(uint32_t id, uint64_t ticks, bool python, uint32_t line);
  // Ends the innermost call; there is one.
  void end(uint64_t ticks, OpCode how = kOpReturn);
  // Begins something that an end ends, in which events were lost. There is room for that end.
  void gap(uint64_t ticks, uint64_t lost_events, GapReason reason);
  // Of the begin or end that comes next.
  void note(NoteKind kind, uint64_t key, std::string_view bytes) { note_at(kind, key, bytes, 0); }
  // A mark; when it happened is told exactly.
  void mark(NoteKind kind, uint64_t name, uint64_t ticks, std::string_view bytes);
  void stray_ends(uint32_t ends) { columns_.head.stray_ends += ends; }
  // What was told so far. `thread_ended`: nothing else will be.
  Status flush(bool thread_ended = false);

  // Counts up with each frame: what was told before is not in the frame at hand.
  uint32_t sequence() const { return sequence_; }
  size_t open() const { return open_.size(); }
  const MovedStamps& moved() const { return moved_; }

 private:
  void note_at(NoteKind kind, uint64_t key, std::string_view bytes, uint64_t ticks);
  uint64_t in_order(uint64_t ticks);
  void op(uint32_t code, uint64_t ticks);
  void opened(const OpenCall& call);

  Writer& writer_;
  FrameEncoder& encoder_;
  FrameCodes& codes_;
  uint32_t image_;
  uint32_t thread_;
  uint32_t tid_;
  uint32_t sequence_ = 0;
  uint32_t frame_ = 0;  // of codes_; 0: none is begun
  bool started_ = false;
  bool has_ops_ = false;  // the last stamp is one
  uint64_t last_ticks_ = 0;
  FrameColumns columns_;
  std::vector<OpenCall> open_;  // outermost first
  std::string note_bytes_;
  std::vector<size_t> note_ends_;  // of each note's bytes
  MovedStamps moved_;
};

}  // namespace vtn::spool

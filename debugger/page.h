// SPDX-License-Identifier: Apache-2.0
//
// One frame of events, decoded to be looked at from any side: its ops in a row, each with the one
// that it belongs to. Immutable once made.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "debugger/recording.h"
#include "report/frame_reader.h"
#include "spool/codec.h"

namespace vtn::debugger {

enum class OpKind : uint8_t {
  kCall,  // a call begins
  kGap,   // likewise something that is no call: events were lost
  // What began last ends:
  kReturn,
  kUnwind,  // by an exception, or it yielded
  kCut,     // its own end was never seen
};

inline bool begins(OpKind kind) { return kind == OpKind::kCall || kind == OpKind::kGap; }

inline constexpr uint32_t kElsewhere = 0xffff'ffff;

struct Op {
  uint64_t ns;
  uint32_t function;  // id; 0: a gap
  uint32_t depth;     // calls that are open behind it
  uint32_t partner;   // its end, or its beginning, in the page; kElsewhere: not in it
  uint32_t line;      // of a call: that its caller is at, 0: not known; of a gap: which special
  uint32_t calls;     // that begin in the page before this op
  OpKind kind;
};

struct Page {
  spool::DecodedFrame frame;  // without codes and steps
  std::vector<Op> ops;
  // By op: what notes told of the call that begins or ends there. Sorted.
  struct Told {
    uint32_t op;
    const spool::Note* note;  // of `frame`
  };
  std::vector<Told> arguments;      // of what begins
  std::vector<Told> return_values;  // of what ends
  std::vector<Told> named;          // of what ends: what the program attached to it
  std::vector<Told> end_arguments;  // of what ends, and began in an earlier frame
};

// Null: nothing is told.
const spool::Note* told_of(const std::vector<Page::Told>& told, uint32_t op);

// Keeps its buffers: thread-bound.
class PageReader {
 public:
  // The frame, an index into the model's. A damaged one is an error that names its offset.
  Status read(const Recording& recording, uint32_t frame, Page& page);
  // Only its lists: the functions that are called, what was open before and ends, ...
  Status read_lists(const Recording& recording, uint32_t frame, spool::DecodedFrame& to);

 private:
  report::FrameReader reader_;
  spool::FrameDecoder decoder_;
  std::string body_;
};

}  // namespace vtn::debugger

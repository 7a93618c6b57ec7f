// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of frames with notes. The lines that the calls of a frame were made from: a note tells
// one for the next call and for those of that function that follow, until it is told again.
#pragma once

#include <vector>

#include "abi/event_abi.h"
#include "spool/codec.h"

namespace vtn::report {

inline constexpr char kCallerLineKey[] = "caller_lineno";  // VizTracer's word

// Thread-bound, used again from frame to frame.
class CallerLines {
 public:
  // The calls that were open before and end in it have their lines with them.
  void start(const spool::DecodedFrame& frame) {
    functions_.assign(frame.functions.size(), 0);
    open_.clear();
    for (auto call = frame.closed.rbegin(); call != frame.closed.rend(); ++call) {
      open_.push_back(call->line);
    }
    told_ = false;
  }
  void note(const spool::Note& note) {
    if (note.kind == static_cast<uint32_t>(NoteKind::kCallerLine)) {
      told_ = true;
      line_ = note.key <= spool::kMaxCallerLine ? static_cast<uint32_t>(note.key) : 0;
    }
  }
  // 0: not known.
  uint32_t begin(uint32_t function) {
    if (told_) {
      functions_[function] = line_;
      told_ = false;
    }
    open_.push_back(functions_[function]);
    return open_.back();
  }
  void begin_other() {
    told_ = false;
    open_.push_back(0);
  }
  uint32_t end() {
    told_ = false;
    const uint32_t line = open_.back();
    open_.pop_back();
    return line;
  }

 private:
  std::vector<uint32_t> functions_;
  std::vector<uint32_t> open_;
  uint32_t line_ = 0;
  bool told_ = false;
};

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
//
// One frame of events before it is compressed: what call assembly fills and the codec writes.
#pragma once

#include <memory>
#include <vector>

#include <stddef.h>
#include <stdint.h>

#include "spool/format.h"

namespace vtn::spool {

// A call that has begun and not ended.
struct OpenCall {
  uint64_t start_ticks;
  uint32_t id;
  uint32_t python;  // 1: an end of kIdAnyPython may end it
};

struct Special {
  SpecialOp op;
  uint64_t lost_events;
  uint64_t reason;  // GapReason
};

// Reused from frame to frame, so that nothing is allocated once it has grown.
struct FrameColumns {
  EventsFrame head = {};
  std::vector<uint32_t> functions;  // ids, in the order of first use in the frame
  std::vector<OpenCall> closed;     // open before the frame, closed in it; innermost first
  std::vector<OpenCall> left_open;  // begun in the frame, open after it; innermost first
  std::vector<Special> specials;
  std::vector<uint64_t> wide;         // steps that do not fit 16 bits
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
  }

 private:
  size_t capacity_ = 0;
};

}  // namespace vtn::spool

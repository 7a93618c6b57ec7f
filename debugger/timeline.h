// SPDX-License-Identifier: Apache-2.0
//
// The calls of one thread as one row of ops, to be read from anywhere: op 0 is the first that was
// recorded. A place in between is the number of ops before it: 0 is before all of them, ops() is
// behind.
//
//   level     a call that is open, counted from the outermost one, which is 0
//   number    of a call: calls are counted from 1 in the order in which they begin. Those that
//             began before the first op (the frames of which were dropped) come first
//
// Frames are decoded as they are needed, a few are kept; what only depends on how many calls were
// open is found by the heads of frames. Nothing is kept of ops. Thread-bound. Errors are damages of
// the file, or that the recording was given up on.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "debugger/page.h"
#include "debugger/recording.h"

namespace vtn::debugger {

class Timeline {
 public:
  Timeline(const Recording& recording, uint32_t thread);

  const Recording& recording() const { return recording_; }
  uint32_t thread() const { return thread_; }
  const spool::ThreadInfo& info() const { return recording_.thread(thread_); }
  const spool::ImageInfo& image() const { return recording_.image_of(thread_); }
  uint64_t ops() const { return first_ops_.back(); }
  // With those that began before the first op.
  uint64_t calls() const { return first_calls_.back(); }

  // An op within its frame.
  struct Spot {
    std::shared_ptr<const Page> page;
    uint32_t frame;  // index into frames()
    uint32_t index;
    const Op& op() const { return page->ops[index]; }
  };
  // `op` must be less than ops().
  Result<Spot> spot(uint64_t op);
  Result<Op> op(uint64_t op);

  // Calls that are open at a place.
  Result<uint32_t> depth_at(uint64_t place);
  // The op that begins the call which is open at a place, at a level below its depth. Nothing: it
  // began before the first op.
  Result<std::optional<uint64_t>> begin_of(uint64_t place, uint32_t level);
  // The op that ends it. Nothing: it never ends.
  Result<std::optional<uint64_t>> end_of(uint64_t place, uint32_t level);
  // The place behind all that had happened by then (CLOCK_MONOTONIC).
  Result<uint64_t> place_at(uint64_t ns);

  // A call that is open at a place.
  struct OpenCall {
    std::optional<uint64_t> begin;  // nothing: before the first op
    uint32_t function = 0;          // id
    uint64_t start_ns = 0;
    uint32_t line = 0;    // of its caller; 0: not known
    uint64_t number = 0;  // 0: it is a gap
  };
  Result<OpenCall> open_call(uint64_t place, uint32_t level);
  // All of them, outermost first.
  Result<std::vector<OpenCall>> stack_at(uint64_t place);

  // The op that begins the call of a number; nothing: it lies before the first op. The number must
  // be 1 to calls().
  Result<std::optional<uint64_t>> begin_of_number(uint64_t number);
  Result<uint64_t> number_at(uint64_t begin);  // of the call that the op begins

  // Of a call that is open at a place; nothing is told where the note is null. The note lies in the
  // page.
  struct Told {
    std::shared_ptr<const Page> page;
    const spool::Note* note = nullptr;
  };
  Result<Told> arguments_of(uint64_t place, uint32_t level);
  Result<Told> return_value_of(uint64_t end);  // of the call that the op ends
  Result<Told> named_of(uint64_t end);         // what the program attached to it

  // What searches need: frames of the thread, in their order.
  size_t frames() const { return frames_.size(); }
  const spool::FrameInfo& frame_info(size_t frame) const {
    return recording_.model().frames[frames_[frame]];
  }
  uint64_t first_op(size_t frame) const { return first_ops_[frame]; }
  // The frame that an op lies in; of ops() itself, frames().
  size_t frame_of(uint64_t op) const;
  Result<std::shared_ptr<const Page>> page(size_t frame);
  Result<const spool::DecodedFrame*> lists(size_t frame);  // until the next call
  struct Head {
    uint32_t open_before;
    uint32_t lowest_open;
    uint32_t open_after;
    uint32_t flags;  // EventsFlag
  };
  Result<const Head*> head(size_t frame);

 private:
  Status need_heads();

  const Recording& recording_;
  const uint32_t thread_;
  const std::vector<uint32_t>& frames_;
  std::vector<uint64_t> first_ops_;    // by frame, and of all
  std::vector<uint64_t> first_calls_;  // likewise: calls before
  std::vector<Head> heads_;            // once they are needed
  PageReader reader_;
  spool::DecodedFrame lists_;

  struct Kept {
    size_t frame;
    std::shared_ptr<const Page> page;
  };
  std::vector<Kept> kept_;  // the one used last comes first
};

}  // namespace vtn::debugger

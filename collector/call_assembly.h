// SPDX-License-Identifier: Apache-2.0
//
// From event words to well-nested calls. No end is trusted to pair with the last beginning:
//
//   an end                  pops to the nearest open call of its id (kIdAnyPython: to the nearest
//                           Python call); what it skips is closed just before it and counted
//   an end without its call is dropped and counted
//   a gap, a thread's end   close what is open
//   time                    never stands still nor goes back within a thread: a stamp that does
//                           not follow the last one is moved right after it
//
// Words come from memory that a traced program can scribble on: any value is possible and does no
// harm but to the picture of that thread.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <stdint.h>

#include "abi/event_abi.h"
#include "abi/names_abi.h"
#include "abi/session_abi.h"
#include "collector/named_values.h"
#include "spool/columns.h"

namespace vtn::collector {

inline constexpr uint32_t kLargestChunkBytes = kSmallestChunkBytes << (kChunkClasses - 1);
inline constexpr size_t kMaxChunkWords = kLargestChunkBytes / sizeof(uint64_t);
// As many may be assembled at once: those of a chunk, and what a CallFilter had kept back before.
inline constexpr size_t kMostWords = size_t{1} << 20;
// More open calls than any program has: then they are closed as by a gap, and memory stays bounded.
inline constexpr size_t kMaxOpenCalls = size_t{1} << 21;

// What may end the calls of a process's functions, by id. Ids that nobody has named count as Python
// functions: the end of a Python call must find its beginning even if the name was lost.
class FunctionTraits {
 public:
  // Beside the bits of spool::OpenCall::traits.
  static constexpr uint32_t kExcludesSubtree = 1u << 7;
  static constexpr uint32_t kOfOpenCalls = kExcludesSubtree - 1;

  // `flags`: FunctionFlag.
  void set(uint32_t id, FunctionKind kind, uint32_t flags) {
    if (id >= traits_.size()) {
      traits_.resize(static_cast<size_t>(id) + 1, spool::kOpenPython);
    }
    traits_[id] =
        static_cast<uint8_t>((kind == FunctionKind::kPython ? spool::kOpenPython : 0u) |
                             ((flags & kFunctionResumed) != 0 ? spool::kOpenResumed : 0u) |
                             ((flags & kFunctionExcludesSubtree) != 0 ? kExcludesSubtree : 0u));
  }
  // Bits of spool::OpenCall::traits.
  uint32_t of(uint32_t id) const { return with_exclusion(id) & kOfOpenCalls; }
  // And whether what is below its calls is left out.
  uint32_t with_exclusion(uint32_t id) const {
    return id < traits_.size() ? traits_[id] : spool::kOpenPython;
  }

 private:
  std::vector<uint8_t> traits_;
};

// Which function has which code in the frame at hand. Shared by the assemblers of one drain
// thread; 32 MiB of address space, of which only what ids touch becomes memory.
class FunctionCodes {
 public:
  FunctionCodes();
  void next_frame();

  struct Entry {
    uint32_t frame;
    uint16_t code;
    uint16_t traits;
  };
  Entry* entries() { return entries_.get(); }
  uint32_t frame() const { return frame_; }

 private:
  struct Free {
    void operator()(Entry* entries) const;
  };
  std::unique_ptr<Entry[], Free> entries_;
  uint32_t frame_ = 0;
};

// The calls of one thread of one process image. Thread-bound.
class CallAssembler {
 public:
  explicit CallAssembler(uint32_t tick_step) : tick_step_(tick_step) {}

  // Goes on after what was recorded before: for recovery.
  void resume(uint64_t last_ticks, const std::vector<spool::OpenCall>& open);

  struct Chunk {
    std::span<const uint64_t> words;  // at most kMostWords; up to the first zero word
    uint64_t base_ticks;
    uint64_t latest_ticks;  // now: nothing can have happened later
  };
  // Fills `to`, but for who it is of (image, thread, tid, sequence). Its notes borrow their bytes
  // from the chunk. False: there was nothing.
  bool assemble(const Chunk& chunk,
                const FunctionTraits& traits,
                FunctionCodes& codes,
                spool::FrameColumns& to);

  // A frame of nothing but a gap, until `until_ticks`: chunks of this thread are missing.
  void missing(uint64_t until_ticks, uint64_t latest_ticks, spool::FrameColumns& to);

  std::span<const spool::OpenCall> open() const {
    return {stack_.get(), depth_};
  }  // outermost first
  uint64_t last_ticks() const { return last_ticks_; }

  // Of a call that is open, as notes told; and its place on the stack.
  struct Told {
    size_t depth;
    uint32_t line;
    uint32_t arguments;  // how many
    std::string values;
    NamedValues named = {};
  };
  // The values of open calls, outermost first.
  std::span<const Told> open_values() const { return open_values_; }
  bool damaged() const { return damaged_; }  // words were met that no tracer writes

 private:
  struct Run;
  void keep_notes(spool::FrameColumns& of, spool::OpenCall* lowest, size_t left_open);
  Told& told_of(size_t depth);
  void make_room(size_t calls);
  void start(uint64_t ticks, uint64_t latest);

  bool started_ = false;
  bool damaged_ = false;
  uint32_t tick_step_;
  uint64_t last_ticks_ = 0;
  std::unique_ptr<spool::OpenCall[]> stack_;
  size_t depth_ = 0;
  size_t capacity_ = 0;
  std::vector<Told> told_;                // of the calls of a frame with notes
  std::vector<uint32_t> function_lines_;  // by function of such a frame
  std::vector<Told> open_values_;         // of calls that earlier frames began; outermost first
  std::vector<Told> told_again_;          // whose notes the frame at hand borrows
  std::deque<std::string> named_;         // likewise
  std::vector<size_t> attached_to_;       // places of the calls of its kCallValue notes
};

}  // namespace vtn::collector

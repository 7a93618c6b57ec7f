// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH, after the run. Walks the calls of one thread in their order and tells a Visitor of each
// one what it took: what the sums of functions (totals.h) and of stacks (stacks.h) have in common.
//
// A Visitor has
//   using Mark = ...;      what it keeps of an open call
//   Mark begin(const Mark* caller, FunctionIndex function, bool resumed);
//                          null: a thread's first call. `resumed`: a generator's slice, not a call
//   void end(const EndedCall<Mark>& call);
// and, if it wants to know,
//   void gap(uint64_t ns)  so long after the end of the call before it, in the same call, one
//   begins
//
// A gap has time, but is no function: the Visitor is not told of it, and it is nobody's own time.
// Thread-bound.
#pragma once

#include <algorithm>
#include <vector>

#include <stdint.h>

#include "report/in_order.h"
#include "report/picture.h"
#include "report/summary/functions.h"
#include "spool/clock_map.h"
#include "spool/replay.h"

namespace vtn::report {

template <class Mark>
struct EndedCall {
  FunctionIndex function;
  bool resumed;
  Mark mark;
  FunctionIndex caller;  // kNoFunction: a thread's first call
  uint64_t took_ns;
  uint64_t own_ns;
};

template <class Visitor>
concept TakesGaps = requires(Visitor& visitor) {
  visitor.gap(uint64_t{});
};

// Until when the calls last that a thread's record leaves open: as they are drawn.
inline uint64_t end_of_thread_ns(const Picture& picture, uint32_t thread) {
  const spool::ThreadInfo& info = picture.model.threads[thread];
  const Picture::ThreadEnd& end = picture.ends[thread];
  const uint64_t last_ns = picture.clock.to_ns(info.last_ticks);
  if (end.close) {
    return std::max(end.first_ns, last_ns);
  }
  return std::max(picture.processes[picture.of_thread(thread).number].end_ns, last_ns);
}

template <class Visitor>
class CallWalk final : public ThreadPass {
 public:
  CallWalk(const spool::Model& model,
           const spool::ClockMap& clock,
           uint32_t thread,
           Visitor&& visitor)
      : visitor(std::move(visitor)),
        model_(model),
        clock_(clock),
        image_(model.images[model.threads[thread].image]) {
    begin_at_first(model.threads[thread]);
  }

  Status take(const spool::FrameInfo& /*info*/, const spool::DecodedFrame& frame) override {
    if (frame.head.open_before != stack_.size()) {
      return fail("a frame does not follow the one before");
    }
    functions_.clear();
    for (const uint32_t id : frame.functions) {
      functions_.push_back(begun(id));
    }
    stack_.reserve(stack_.size() + frame.head.ops + 1);
    Sink sink{*this};
    return spool::replay_frame(frame, clock_, sink);
  }

  // Calls that are open still last until then.
  void finish(uint64_t end_ns) {
    while (!stack_.empty()) {
      end(std::max(end_ns, stack_.back().start_ns));
    }
  }

  Visitor visitor;

 private:
  using Mark = typename Visitor::Mark;

  static constexpr FunctionIndex kGap = 0xffff'fffe;

  struct Open {
    FunctionIndex function;
    uint64_t start_ns;
    uint64_t inner_ns;  // of the calls in it
    bool resumed;
    Mark mark;                 // a gap's is of no use
    uint64_t last_end_ns = 0;  // of the calls in it, where gaps are wanted; 0: none yet
  };
  struct Begun {
    FunctionIndex function;
    bool resumed;
  };
  struct Sink {
    CallWalk& walk;
    void begin(uint32_t function, uint64_t ns) { walk.begin(walk.functions_[function], ns); }
    void end(uint64_t ns, uint32_t /*how*/) { walk.end(ns); }
    void special(const spool::Special& /*special*/, uint64_t ns) {
      walk.stack_.push_back({kGap, ns, 0, false, Mark()});
    }
  };

  // What was open before the first frame, where those before it were dropped: such calls have
  // lasted since they began, but what happened then is not their own time.
  void begin_at_first(const spool::ThreadInfo& thread) {
    for (const spool::OpenCall& call : thread.open_at_first) {
      const uint64_t ns = clock_.to_ns(call.start_ticks);
      if (!stack_.empty()) {
        stack_.back().inner_ns = ns - stack_.back().start_ns;
      }
      begin(begun(call.id), ns);
    }
    const auto gone = model_.dropped.find(image_.process);
    if (!stack_.empty() && gone != model_.dropped.end()) {
      const auto state = gone->second.threads.find({thread.image, thread.thread});
      if (state != gone->second.threads.end()) {
        stack_.back().inner_ns = clock_.to_ns(state->second.last_ticks) - stack_.back().start_ns;
      }
    }
  }

  Begun begun(uint32_t id) const {
    const spool::FunctionInfo* function = image_.function(id);
    const bool resumed = function != nullptr && function->resumed();
    return {function_index(image_, resumed ? id - 1 : id), resumed};
  }

  void begin(const Begun& begun, uint64_t ns) {
    const bool has_caller = !stack_.empty() && stack_.back().function != kGap;
    const Mark* const caller = has_caller ? &stack_.back().mark : nullptr;
    const Mark mark = visitor.begin(caller, begun.function, begun.resumed);
    if constexpr (TakesGaps<Visitor>) {
      const uint64_t last_end_ns = stack_.empty() ? last_end_ns_ : stack_.back().last_end_ns;
      if (last_end_ns != 0) {
        visitor.gap(ns - last_end_ns);
      }
    }
    stack_.push_back({begun.function, ns, 0, begun.resumed, mark});
  }

  void end(uint64_t ns) {
    const Open call = stack_.back();
    stack_.pop_back();
    const uint64_t took_ns = ns - call.start_ns;
    FunctionIndex caller = kNoFunction;
    if constexpr (TakesGaps<Visitor>) {
      (stack_.empty() ? last_end_ns_ : stack_.back().last_end_ns) = ns;
    }
    if (!stack_.empty()) {
      stack_.back().inner_ns += took_ns;
      caller = stack_.back().function == kGap ? kNoFunction : stack_.back().function;
    }
    if (__builtin_expect(call.function != kGap, 1)) {
      // Stamps of a thread increase strictly, so what is within a call is never longer than it.
      visitor.end(EndedCall<Mark>{
          call.function, call.resumed, call.mark, caller, took_ns, took_ns - call.inner_ns});
    }
  }

  const spool::Model& model_;
  const spool::ClockMap& clock_;
  const spool::ImageInfo& image_;
  std::vector<Open> stack_;       // outermost first
  std::vector<Begun> functions_;  // of the frame at hand
  uint64_t last_end_ns_ = 0;      // of the thread's outermost calls, likewise
};

}  // namespace vtn::report

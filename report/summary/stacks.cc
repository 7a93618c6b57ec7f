// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. One pass over every call, after the run.
#include "report/summary/stacks.h"

#include <unordered_map>
#include <utility>

#include "report/summary/call_walk.h"

namespace vtn::report {

namespace {

class Stacks {
 public:
  using Mark = uint32_t;  // index of the stack

  explicit Stacks(uint32_t most) : most_(most) {}

  Mark begin(const Mark* caller, FunctionIndex function, bool resumed) {
    const uint32_t below = caller == nullptr ? kNoStack : *caller;
    uint32_t stack = latest_of(below).stack;
    // A loop calls what it called before.
    if (stack == kNoStack || latest_of(below).function != function) {
      stack = find(below, function);
      latest_of(below) = {function, stack};
    }
    stacks_[stack].calls += resumed ? 0 : 1;
    return stack;
  }

  void end(const EndedCall<Mark>& call) { stacks_[call.mark].own_ns += call.own_ns; }

  ThreadStacks take() { return std::move(stacks_); }

 private:
  struct Latest {
    FunctionIndex function = kNoFunction;
    uint32_t stack = kNoStack;
  };

  Latest& latest_of(uint32_t below) { return below == kNoStack ? latest_first_ : latest_[below]; }

  uint32_t find(uint32_t below, FunctionIndex function) {
    if (below != kNoStack && stacks_[below].function == kOtherFunctions) {
      return below;
    }
    const auto known = known_.find(key_of(below, function));
    if (known != known_.end()) {
      return known->second;
    }
    if (stacks_.size() < most_ && depth_above(below) <= kDeepestStack) {
      return add(below, function);
    }
    const auto others = known_.find(key_of(below, kOtherFunctions));
    return others != known_.end() ? others->second : add(below, kOtherFunctions);
  }

  uint32_t depth_above(uint32_t below) const {
    return below == kNoStack ? 1 : stacks_[below].depth + 1;
  }

  uint32_t add(uint32_t below, FunctionIndex function) {
    const auto stack = static_cast<uint32_t>(stacks_.size());
    stacks_.push_back({below, depth_above(below), function});
    latest_.emplace_back();
    known_.emplace(key_of(below, function), stack);
    return stack;
  }

  static uint64_t key_of(uint32_t below, FunctionIndex function) {
    return uint64_t{below} << 32 | function;
  }

  const uint32_t most_;
  ThreadStacks stacks_;
  std::vector<Latest> latest_;  // what each stack called last
  Latest latest_first_;
  std::unordered_map<uint64_t, uint32_t> known_;  // by caller and function
};

}  // namespace

Result<std::vector<ThreadStacks>> find_stacks(const spool::Reader& spool,
                                              const Picture& picture,
                                              uint32_t most_of_thread,
                                              unsigned workers,
                                              const Progress& progress) {
  using Walk = CallWalk<Stacks>;
  const spool::Model& model = spool.model();
  std::vector<ThreadStacks> found(model.threads.size());
  ThreadPasses passes;
  passes.begin = [&](uint32_t thread) {
    return std::make_unique<Walk>(model, picture.clock, thread, Stacks(most_of_thread));
  };
  passes.end = [&](uint32_t thread, ThreadPass& pass) {
    auto& walk = static_cast<Walk&>(pass);
    walk.finish(end_of_thread_ns(picture, thread));
    found[thread] = walk.visitor.take();
  };
  VTN_TRY(pass_in_order(spool, workers, progress, passes));
  return found;
}

}  // namespace vtn::report

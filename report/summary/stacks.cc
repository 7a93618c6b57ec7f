// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. One pass over every call, after the run.
#include "report/summary/stacks.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "report/summary/call_walk.h"

namespace vtn::report {

ThreadStacks StackFinder::take() {
  if (!thinned_out_) {
    return std::move(stacks_);
  }
  ThreadStacks taken;
  std::vector<uint32_t> number(stacks_.size(), kNoStack);
  for (const uint32_t stack : by_depth()) {
    number[stack] = static_cast<uint32_t>(taken.size());
    taken.push_back(stacks_[stack]);
    if (taken.back().caller != kNoStack) {
      taken.back().caller = number[taken.back().caller];
    }
  }
  return taken;
}

uint32_t StackFinder::find(uint32_t below, FunctionIndex function) {
  if (below != kNoStack && stacks_[below].function == kOtherFunctions) {
    return below;
  }
  const auto known = known_.find(key_of(below, function));
  if (known != known_.end()) {
    return known->second;
  }
  ++wanted_;
  if (depth_above(below) <= kDeepestStack && (used() < most_ || thin_out())) {
    return add(below, function);
  }
  return others_of(below);
}

uint32_t StackFinder::others_of(uint32_t below) {
  const auto others = known_.find(key_of(below, kOtherFunctions));
  return others != known_.end() ? others->second : add(below, kOtherFunctions);
}

bool StackFinder::thin_out() {
  if (wanted_ < most_ / 2) {
    return false;
  }
  wanted_ = 0;
  const std::vector<uint32_t> order = by_depth();
  std::vector<uint64_t> total_ns(stacks_.size());
  std::vector<uint64_t> light;
  for (auto stack = order.rbegin(); stack != order.rend(); ++stack) {
    const Stack& one = stacks_[*stack];
    total_ns[*stack] += one.own_ns;
    if (one.caller != kNoStack) {
      total_ns[one.caller] += total_ns[*stack];
    }
    if (may_go(one)) {
      light.push_back(total_ns[*stack]);
    }
  }
  const size_t kept = most_ / 4;
  if (light.size() <= kept) {
    return false;
  }
  std::nth_element(
      light.begin(), light.begin() + static_cast<ptrdiff_t>(kept), light.end(), std::greater<>());
  put_together(order, total_ns, light[kept]);
  return used() < most_;
}

void StackFinder::put_together(const std::vector<uint32_t>& order,
                               const std::vector<uint64_t>& total_ns,
                               uint64_t most_ns) {
  std::vector<uint32_t> into(stacks_.size(), kNoStack);
  std::vector<uint32_t> gone;
  for (const uint32_t stack : order) {
    const Stack one = stacks_[stack];
    if (one.caller != kNoStack && into[one.caller] != kNoStack) {
      into[stack] = into[one.caller];
    } else if (may_go(one) && total_ns[stack] <= most_ns) {
      into[stack] = others_of(one.caller);
    } else {
      continue;
    }
    stacks_[into[stack]].calls += one.calls;
    stacks_[into[stack]].own_ns += one.own_ns;
    known_.erase(key_of(one.caller, one.function));
    stacks_[stack].depth = kFree;
    gone.push_back(stack);
  }
  free_.insert(free_.end(), gone.begin(), gone.end());
  std::fill(latest_.begin(), latest_.end(), Latest());
  latest_first_ = {};
  thinned_out_ = true;
}

std::vector<uint32_t> StackFinder::by_depth() const {
  std::vector<uint32_t> order;
  for (uint32_t stack = 0; stack < stacks_.size(); ++stack) {
    if (stacks_[stack].depth != kFree) {
      order.push_back(stack);
    }
  }
  std::stable_sort(order.begin(), order.end(), [this](uint32_t a, uint32_t b) {
    return stacks_[a].depth < stacks_[b].depth;
  });
  return order;
}

uint32_t StackFinder::add(uint32_t below, FunctionIndex function) {
  auto stack = static_cast<uint32_t>(stacks_.size());
  if (free_.empty()) {
    stacks_.emplace_back();
    latest_.emplace_back();
  } else {
    stack = free_.back();
    free_.pop_back();
  }
  stacks_[stack] = {below, depth_above(below), function};
  known_.emplace(key_of(below, function), stack);
  return stack;
}

namespace {

struct Stacks {
  using Mark = StackFinder::Mark;
  StackFinder finder;
  Mark begin(const Mark* caller, FunctionIndex function, bool resumed) {
    return finder.begin(caller, function, resumed);
  }
  void end(const EndedCall<Mark>& call) { finder.end(call.mark, call.own_ns); }
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
    return std::make_unique<Walk>(
        model, picture.clock, thread, Stacks{StackFinder(most_of_thread)});
  };
  passes.end = [&](uint32_t thread, ThreadPass& pass) {
    auto& walk = static_cast<Walk&>(pass);
    walk.finish(end_of_thread_ns(picture, thread));
    found[thread] = walk.visitor.finder.take();
  };
  VTN_TRY(pass_in_order(spool, workers, progress, passes));
  return found;
}

}  // namespace vtn::report

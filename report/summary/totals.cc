// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. One pass over every call, after the run.
#include "report/summary/totals.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>

#include "base/mutex.h"
#include "report/summary/call_walk.h"

namespace vtn::report {

namespace {

// Stands for a StackFinder where nobody wants one.
struct NoStacks {
  struct Mark {};
  Mark begin(const Mark* /*caller*/, FunctionIndex /*function*/, bool /*resumed*/) { return {}; }
  void end(Mark /*stack*/, uint64_t /*own_ns*/) {}
  ThreadStacks take() { return {}; }
};

// Of one thread.
template <AlsoAdd kAlso>
class Sums {
  static constexpr bool kStacks = kAlso == AlsoAdd::kDurationsAndStacks;
  static constexpr bool kDurations = kStacks || kAlso == AlsoAdd::kDurations;
  using Stacks = std::conditional_t<kStacks, StackFinder, NoStacks>;

 public:
  using Mark = typename Stacks::Mark;

  Sums(const spool::ImageInfo& image, Stacks&& stacks)
      : sums_(image.functions.size() + 1), stacks_(std::move(stacks)) {}

  Mark begin(const Mark* caller, FunctionIndex function, bool resumed) {
    Sum& sum = sums_[function];
    sum.totals.calls += resumed ? 0 : 1;
    ++sum.slices;
    ++sum.open;
    return stacks_.begin(caller, function, resumed);
  }

  void end(const EndedCall<Mark>& call) {
    Sum& sum = sums_[call.function];
    const bool outermost = --sum.open == 0;
    const FunctionTotals more = {.calls = 0,
                                 .outermost_calls = outermost && !call.resumed ? 1u : 0u,
                                 .own_ns = call.own_ns,
                                 .total_ns = outermost ? call.took_ns : 0};
    sum.totals.add(more);
    if constexpr (kAlso == AlsoAdd::kEdges) {
      FunctionTotals& edge = edges_[{call.caller, call.function}];
      edge.add(more);
      edge.calls += call.resumed ? 0 : 1;
    }
    if constexpr (kDurations) {
      durations.add(call.took_ns);
    }
    stacks_.end(call.mark, call.own_ns);
  }

  void gap(uint64_t ns) requires kDurations { durations.add_gap(ns); }

  ThreadTotals totals() {
    ThreadTotals totals;
    for (FunctionIndex i = 0; i < sums_.size(); ++i) {
      const FunctionTotals& sum = sums_[i].totals;
      if (sums_[i].slices != 0) {
        totals.functions.emplace_back(i, sum);
        totals.own_ns += sum.own_ns;
        totals.calls += sum.calls;
      }
    }
    totals.edges = std::move(edges_);
    totals.stacks = stacks_.take();
    return totals;
  }

  Durations durations;

 private:
  struct Sum {
    FunctionTotals totals;
    uint64_t slices = 0;
    uint32_t open = 0;  // calls of it that are open: the outermost has the total time
  };

  std::vector<Sum> sums_;  // by function
  std::map<std::pair<FunctionIndex, FunctionIndex>, FunctionTotals> edges_;
  [[no_unique_address]] Stacks stacks_;
};

template <AlsoAdd kAlso>
Sums<kAlso> sums_of(const spool::ImageInfo& image) {
  if constexpr (kAlso == AlsoAdd::kDurationsAndStacks) {
    return {image, StackFinder(kMostStacksOfThread)};
  } else {
    return {image, NoStacks()};
  }
}

template <AlsoAdd kAlso>
Status add_up_threads(const spool::Reader& spool,
                      const spool::ClockMap& clock,
                      const Picture& picture,
                      unsigned workers,
                      const Progress& progress,
                      CallTotals& totals) {
  using Walk = CallWalk<Sums<kAlso>>;
  const spool::Model& model = spool.model();
  [[maybe_unused]] Mutex mutex;  // of the durations
  ThreadPasses passes;
  passes.begin = [&](uint32_t thread) {
    return std::make_unique<Walk>(
        model, clock, thread, sums_of<kAlso>(model.images[model.threads[thread].image]));
  };
  passes.end = [&](uint32_t thread, ThreadPass& pass) {
    auto& walk = static_cast<Walk&>(pass);
    walk.finish(end_of_thread_ns(picture, thread));
    totals.threads[thread] = walk.visitor.totals();
    if constexpr (TakesGaps<Sums<kAlso>>) {
      MutexLock lock(mutex);
      totals.durations.add(walk.visitor.durations);
    }
  };
  return pass_in_order(spool, workers, progress, passes);
}

}  // namespace

Result<CallTotals> add_up(const spool::Reader& spool,
                          AlsoAdd also,
                          unsigned workers,
                          const Progress& progress) {
  const spool::Model& model = spool.model();
  const spool::ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  const Picture picture(model, clock, false);
  CallTotals totals;
  totals.threads.resize(model.threads.size());
  switch (also) {
    case AlsoAdd::kNothing:
      VTN_TRY(add_up_threads<AlsoAdd::kNothing>(spool, clock, picture, workers, progress, totals));
      break;
    case AlsoAdd::kEdges:
      VTN_TRY(add_up_threads<AlsoAdd::kEdges>(spool, clock, picture, workers, progress, totals));
      break;
    case AlsoAdd::kDurations:
      VTN_TRY(
          add_up_threads<AlsoAdd::kDurations>(spool, clock, picture, workers, progress, totals));
      break;
    case AlsoAdd::kDurationsAndStacks:
      VTN_TRY(add_up_threads<AlsoAdd::kDurationsAndStacks>(
          spool, clock, picture, workers, progress, totals));
      break;
  }
  return totals;
}

std::vector<NamedTotals> by_function(const spool::Model& model,
                                     const CallTotals& totals,
                                     const std::vector<uint32_t>& threads) {
  std::map<FunctionKey, NamedTotals> found;
  for (const uint32_t thread : threads) {
    const spool::ImageInfo& image = model.images[model.threads[thread].image];
    for (const auto& [index, sums] : totals.threads[thread].functions) {
      const spool::FunctionInfo* function = function_at(image, index);
      NamedTotals& named = found[key_of(function)];
      named.function = function;
      named.totals.add(sums);
    }
  }
  std::vector<NamedTotals> sorted;
  sorted.reserve(found.size());
  for (const auto& [identity, named] : found) {
    sorted.push_back(named);
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const NamedTotals& a, const NamedTotals& b) {
    return a.totals.own_ns > b.totals.own_ns;
  });
  return sorted;
}

std::vector<std::vector<uint32_t>> threads_by_process(const spool::Model& model) {
  std::vector<std::vector<uint32_t>> threads(model.process_ends.size());
  for (uint32_t i = 0; i < model.threads.size(); ++i) {
    threads[model.images[model.threads[i].image].process].push_back(i);
  }
  return threads;
}

}  // namespace vtn::report

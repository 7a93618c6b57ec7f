// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. One pass over every call, after the run.
#include "report/summary/totals.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "report/in_order.h"
#include "report/picture.h"
#include "spool/replay.h"

namespace vtn::report {

namespace {

// A gap: it has time, but is no function.
constexpr FunctionIndex kGap = 0xffff'fffe;

// Everything of one thread. Between frames its stack stays.
template <bool kEdges>
class Pass final : public ThreadPass {
 public:
  Pass(const spool::Model& model, const spool::ClockMap& clock, uint32_t thread)
      : model_(model),
        clock_(clock),
        image_(model.images[model.threads[thread].image]),
        sums_(image_.functions.size() + 1) {
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
  ThreadTotals finish(uint64_t end_ns) {
    while (!stack_.empty()) {
      end(std::max(end_ns, stack_.back().start_ns));
    }
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
    return totals;
  }

 private:
  struct Sum {
    FunctionTotals totals;
    uint64_t slices = 0;
    uint32_t open = 0;  // calls of it that are open: the outermost has the total time
  };
  struct Open {
    FunctionIndex function;
    uint64_t start_ns;
    uint64_t inner_ns;  // of the calls in it
    bool resumed;
  };
  struct Begun {
    FunctionIndex function;
    bool resumed;  // a slice, not a call
  };
  struct Sink {
    Pass& pass;
    void begin(uint32_t function, uint64_t ns) { pass.begin(pass.functions_[function], ns); }
    void end(uint64_t ns, uint32_t /*how*/) { pass.end(ns); }
    void special(const spool::Special& /*special*/, uint64_t ns) {
      pass.stack_.push_back({kGap, ns, 0, false});
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

  FunctionIndex index_of(uint32_t id) const {
    const uint32_t known = id < image_.function_of_id.size() ? image_.function_of_id[id] : 0;
    return known != 0 ? known - 1 : static_cast<FunctionIndex>(image_.functions.size());
  }

  Begun begun(uint32_t id) const {
    const spool::FunctionInfo* function = image_.function(id);
    const bool resumed = function != nullptr && function->resumed();
    return {index_of(resumed ? id - 1 : id), resumed};
  }

  void begin(const Begun& begun, uint64_t ns) {
    Sum& sum = sums_[begun.function];
    sum.totals.calls += begun.resumed ? 0 : 1;
    ++sum.slices;
    ++sum.open;
    stack_.push_back({begun.function, ns, 0, begun.resumed});
  }

  void end(uint64_t ns) {
    const Open call = stack_.back();
    stack_.pop_back();
    const uint64_t took_ns = ns - call.start_ns;
    if (!stack_.empty()) {
      stack_.back().inner_ns += took_ns;
    }
    if (__builtin_expect(call.function == kGap, 0)) {
      return;
    }
    // Stamps of a thread increase strictly, so what is within a call is never longer than it.
    const uint64_t own_ns = took_ns - call.inner_ns;
    Sum& sum = sums_[call.function];
    sum.totals.own_ns += own_ns;
    const bool outermost = --sum.open == 0;
    if (outermost) {
      sum.totals.total_ns += took_ns;
    }
    if constexpr (kEdges) {
      const FunctionIndex caller = stack_.empty() ? kNoFunction : stack_.back().function;
      FunctionTotals& edge = edges_[{caller == kGap ? kNoFunction : caller, call.function}];
      edge.calls += call.resumed ? 0 : 1;
      edge.own_ns += own_ns;
      edge.total_ns += outermost ? took_ns : 0;
    }
  }

  const spool::Model& model_;
  const spool::ClockMap& clock_;
  const spool::ImageInfo& image_;
  std::vector<Sum> sums_;         // by function
  std::vector<Open> stack_;       // outermost first
  std::vector<Begun> functions_;  // of the frame at hand
  std::map<std::pair<FunctionIndex, FunctionIndex>, FunctionTotals> edges_;
};

// Until when the calls last that a thread's record leaves open: as they are drawn.
uint64_t end_of_thread_ns(const Picture& picture, uint32_t thread) {
  const spool::ThreadInfo& info = picture.model.threads[thread];
  const Picture::ThreadEnd& end = picture.ends[thread];
  const uint64_t last_ns = picture.clock.to_ns(info.last_ticks);
  if (end.close) {
    return std::max(end.first_ns, last_ns);
  }
  return std::max(picture.processes[picture.of_thread(thread).number].end_ns, last_ns);
}

template <bool kEdges>
Status add_up_threads(const spool::Reader& spool,
                      const spool::ClockMap& clock,
                      const Picture& picture,
                      unsigned workers,
                      const Progress& progress,
                      CallTotals& totals) {
  ThreadPasses passes;
  passes.begin = [&](uint32_t thread) {
    return std::make_unique<Pass<kEdges>>(spool.model(), clock, thread);
  };
  passes.end = [&](uint32_t thread, ThreadPass& pass) {
    totals.threads[thread] =
        static_cast<Pass<kEdges>&>(pass).finish(end_of_thread_ns(picture, thread));
  };
  return pass_in_order(spool, workers, progress, passes);
}

using Identity = std::tuple<std::string_view, std::string_view, uint32_t, uint32_t>;

Identity identity_of(const spool::FunctionInfo* function) {
  return function == nullptr ? Identity()
                             : Identity(function->name,
                                        function->file,
                                        function->line,
                                        static_cast<uint32_t>(function->kind));
}

}  // namespace

Result<CallTotals> add_up(const spool::Reader& spool,
                          bool edges,
                          unsigned workers,
                          const Progress& progress) {
  const spool::Model& model = spool.model();
  const spool::ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  const Picture picture(model, clock, false);
  CallTotals totals;
  totals.threads.resize(model.threads.size());
  VTN_TRY(edges ? add_up_threads<true>(spool, clock, picture, workers, progress, totals)
                : add_up_threads<false>(spool, clock, picture, workers, progress, totals));
  return totals;
}

std::vector<NamedTotals> by_function(const spool::Model& model,
                                     const CallTotals& totals,
                                     const std::vector<uint32_t>& threads) {
  std::map<Identity, NamedTotals> found;
  for (const uint32_t thread : threads) {
    const std::vector<spool::FunctionInfo>& functions =
        model.images[model.threads[thread].image].functions;
    for (const auto& [index, sums] : totals.threads[thread].functions) {
      const spool::FunctionInfo* function = index < functions.size() ? &functions[index] : nullptr;
      NamedTotals& named = found[identity_of(function)];
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

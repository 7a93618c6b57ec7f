// SPDX-License-Identifier: Apache-2.0
#include "debugger/search.h"

#include <algorithm>
#include <map>
#include <memory>

#include "base/crew.h"
#include "base/threads.h"
#include "report/call_values.h"
#include "report/summary/call_walk.h"
#include "spool/replay.h"

namespace vtn::debugger {

namespace {

using Found = std::optional<uint64_t>;

constexpr size_t kFramesOfJob = 64;

bool has(const std::vector<bool>& ids, uint32_t id) { return id < ids.size() && ids[id]; }

// Goes from page to page, from the one that `place` lies in. `wanted` says of a frame whether it is
// worth decoding; `look` tells which op of a page is the nearest, of those from `from` on
// (backwards: before it).
Result<Found> search(
    Timeline& timeline,
    uint64_t place,
    Direction direction,
    const std::function<Result<bool>(size_t frame)>& wanted,
    const std::function<Found(size_t frame, const Page& page, size_t from)>& look) {
  const bool forward = direction == Direction::kForward;
  if (forward ? place == timeline.ops() : place == 0) {
    return Found();
  }
  size_t frame = timeline.frame_of(forward ? place : place - 1);
  size_t from = static_cast<size_t>(place - timeline.first_op(frame));
  while (true) {
    VTN_ASSIGN(const bool is_wanted, wanted(frame));
    if (is_wanted) {
      VTN_ASSIGN(const auto page, timeline.page(frame));
      if (const Found index = look(frame, *page, std::min(from, page->ops.size()))) {
        return Found(timeline.first_op(frame) + *index);
      }
    }
    if (forward ? frame + 1 == timeline.frames() : frame == 0) {
      return Found();
    }
    frame += forward ? size_t{1} : SIZE_MAX;
    from = forward ? 0 : SIZE_MAX;
  }
}

bool holds(const Timeline& timeline,
           uint32_t function,
           const report::CallValues::Ended& values,
           const std::string& text) {
  for (const auto& [name, value] : texts_of_arguments(timeline.image(), function, values)) {
    if (value.find(text) != value.npos) {
      return true;
    }
  }
  return false;
}

bool is_longer(const LongCall& a, const LongCall& b) {
  return a.took_ns != b.took_ns     ? a.took_ns > b.took_ns
         : a.start_ns != b.start_ns ? a.start_ns < b.start_ns
                                    : a.thread < b.thread;
}

// The longest calls so far.
class Longest {
 public:
  explicit Longest(size_t most) : most_(most) {}

  void add(const LongCall& call) {
    if (calls_.size() == most_ && !is_longer(call, calls_.back())) {
      return;
    }
    calls_.insert(std::upper_bound(calls_.begin(), calls_.end(), call, is_longer), call);
    calls_.resize(std::min(calls_.size(), most_));
  }
  const std::vector<LongCall>& calls() const { return calls_; }

 private:
  const size_t most_;
  std::vector<LongCall> calls_;
};

// HOT PATH. The calls that end in a frame. Those that began before it stand in its list.
struct LongestInFrame {
  struct Open {
    uint64_t start_ns;
    bool wanted;
  };

  LongestInFrame(const Recording& recording,
                 uint32_t thread,
                 const spool::DecodedFrame& frame,
                 const std::vector<bool>& ids,
                 Longest& longest)
      : thread(thread), longest(longest) {
    for (const uint32_t id : frame.functions) {
      wanted.push_back(has(ids, id));
    }
    for (auto call = frame.closed.rbegin(); call != frame.closed.rend(); ++call) {
      open.push_back({recording.clock().to_ns(call->start_ticks), has(ids, call->id)});
    }
  }
  bool any() const {
    return std::any_of(wanted.begin(), wanted.end(), [](bool is) { return is; }) ||
           std::any_of(open.begin(), open.end(), [](const Open& call) { return call.wanted; });
  }
  void begin(uint32_t function, uint64_t ns) { open.push_back({ns, wanted[function]}); }
  void special(const spool::Special& /*special*/, uint64_t ns) { open.push_back({ns, false}); }
  void end(uint64_t ns, uint32_t /*how*/) {
    if (open.back().wanted) {
      LongCall call;
      call.thread = thread;
      call.start_ns = open.back().start_ns;
      call.took_ns = ns - call.start_ns;
      longest.add(call);
    }
    open.pop_back();
  }

  const uint32_t thread;
  Longest& longest;
  std::vector<bool> wanted;  // by function of the frame
  std::vector<Open> open;
};

// What one worker has.
struct LongestWorker {
  explicit LongestWorker(size_t most) : longest(most) {}

  Status take(const Recording& recording, uint32_t frame, const std::vector<bool>& ids) {
    const spool::FrameInfo& info = recording.model().frames[frame];
    VTN_TRY(recording.go_on());
    VTN_TRY(pages.read_lists(recording, frame, lists));
    if (!LongestInFrame(recording, info.thread, lists, ids, longest).any()) {
      return {};
    }
    return frames.read(recording.spool(), info, [&](const spool::DecodedFrame& decoded) {
      LongestInFrame sink(recording, info.thread, decoded, ids, longest);
      return spool::replay_frame(decoded, recording.clock(), sink);
    });
  }

  Longest longest;
  PageReader pages;
  spool::DecodedFrame lists;
  report::FrameReader frames;
};

// Those that never ended.
void add_open(const Recording& recording,
              uint32_t thread,
              const std::vector<bool>& ids,
              Longest& longest) {
  for (const spool::OpenCall& open : recording.thread(thread).open) {
    if (has(ids, open.id)) {
      LongCall call;
      call.thread = thread;
      call.start_ns = recording.clock().to_ns(open.start_ticks);
      const uint64_t end_ns = report::end_of_thread_ns(recording.picture(), thread);
      call.took_ns = std::max(end_ns, call.start_ns) - call.start_ns;
      call.open = true;
      longest.add(call);
    }
  }
}

// Which call of its thread it is, by its start.
Status identify(Timeline& timeline, LongCall& call) {
  VTN_ASSIGN(const uint64_t behind, timeline.place_at(call.start_ns));
  VTN_ASSIGN(const uint32_t depth, timeline.depth_at(behind));
  if (depth != 0) {
    VTN_ASSIGN(const Timeline::OpenCall open, timeline.open_call(behind, depth - 1));
    if (open.start_ns == call.start_ns) {
      call.begin = open.begin;
      call.number = open.number;
      return {};
    }
  }
  // It began before the first op, as did others that lie in it.
  const std::vector<spool::OpenCall>& first = timeline.info().open_at_first;
  for (size_t level = 0; level < first.size(); ++level) {
    if (timeline.recording().clock().to_ns(first[level].start_ticks) == call.start_ns) {
      call.number = level + 1;
    }
  }
  return {};
}

}  // namespace

Result<std::optional<uint64_t>> find_call(Timeline& timeline,
                                          const std::vector<bool>& ids,
                                          uint64_t place,
                                          Direction direction) {
  if (ids.empty()) {
    return Found();
  }
  const auto is_one = [&](const Op& op) {
    return op.kind == OpKind::kCall && has(ids, op.function);
  };
  return search(
      timeline,
      place,
      direction,
      [&](size_t frame) -> Result<bool> {
        VTN_ASSIGN(const spool::DecodedFrame* const lists, timeline.lists(frame));
        return std::any_of(lists->functions.begin(), lists->functions.end(), [&](uint32_t id) {
          return has(ids, id);
        });
      },
      [&](size_t /*frame*/, const Page& page, size_t from) {
        if (direction == Direction::kForward) {
          const auto at =
              std::find_if(page.ops.begin() + static_cast<ptrdiff_t>(from), page.ops.end(), is_one);
          return at == page.ops.end() ? Found()
                                      : Found(static_cast<uint64_t>(at - page.ops.begin()));
        }
        for (size_t i = from; i > 0; --i) {
          if (is_one(page.ops[i - 1])) {
            return Found(i - 1);
          }
        }
        return Found();
      });
}

Result<std::optional<uint64_t>> find_value(Timeline& timeline,
                                           const std::string& text,
                                           uint64_t place,
                                           Direction direction) {
  const auto holds_it = [&](const Page& page, size_t i) {
    const auto index = static_cast<uint32_t>(i);
    if (begins(page.ops[i].kind)) {
      return holds(
          timeline, page.ops[i].function, {told_of(page.arguments, index), nullptr, nullptr}, text);
    }
    const spool::Note* const note = told_of(page.return_values, index);
    return (note != nullptr && report::value_text(*note).find(text) != text.npos) ||
           holds(timeline,
                 page.ops[i].function,
                 {nullptr, nullptr, told_of(page.named, index)},
                 text);
  };
  return search(
      timeline,
      place,
      direction,
      [&](size_t frame) -> Result<bool> {
        VTN_ASSIGN(const Timeline::Head* const head, timeline.head(frame));
        return (head->flags & spool::kEventsNotes) != 0;
      },
      [&](size_t /*frame*/, const Page& page, size_t from) {
        // Those of a page that tell anything, in the order of ops: they are few.
        std::vector<uint32_t> ops;
        for (const std::vector<Page::Told>* told :
             {&page.arguments, &page.return_values, &page.named}) {
          for (const Page::Told& one : *told) {
            ops.push_back(one.op);
          }
        }
        std::sort(ops.begin(), ops.end());
        const auto middle = std::lower_bound(ops.begin(), ops.end(), from);
        if (direction == Direction::kForward) {
          const auto at =
              std::find_if(middle, ops.end(), [&](uint32_t op) { return holds_it(page, op); });
          return at == ops.end() ? Found() : Found(*at);
        }
        for (auto at = middle; at != ops.begin(); --at) {
          if (holds_it(page, *(at - 1))) {
            return Found(*(at - 1));
          }
        }
        return Found();
      });
}

Result<std::vector<LongCall>> longest_calls(const Recording& recording,
                                            const std::function<Timeline&(uint32_t)>& timeline,
                                            const FunctionPattern& function,
                                            size_t most) {
  Longest longest(most);
  std::map<uint32_t, std::vector<bool>> ids;  // by image
  for (const uint32_t thread : recording.threads()) {
    const auto [found, fresh] = ids.try_emplace(recording.thread(thread).image);
    if (fresh) {
      found->second = function.ids_of(recording.image_of(thread));
    }
    add_open(recording, thread, found->second, longest);
  }
  // Frames tell of the calls that end in them, in any order.
  const std::vector<spool::FrameInfo>& frames = recording.model().frames;
  const size_t jobs = (frames.size() + kFramesOfJob - 1) / kFramesOfJob;
  Crew crew(std::max(1u, std::min(worker_count(), static_cast<unsigned>(jobs))));
  std::vector<std::unique_ptr<LongestWorker>> workers;
  std::vector<Status> ends(crew.members());
  for (unsigned i = 0; i < crew.members(); ++i) {
    workers.push_back(std::make_unique<LongestWorker>(most));
  }
  crew.run(jobs, [&](size_t job, unsigned member) {
    const size_t end = std::min(frames.size(), (job + 1) * kFramesOfJob);
    for (size_t i = job * kFramesOfJob; i < end && ends[member]; ++i) {
      const std::vector<bool>& wanted = ids.at(recording.thread(frames[i].thread).image);
      if (!wanted.empty()) {
        ends[member] = workers[member]->take(recording, static_cast<uint32_t>(i), wanted);
      }
    }
  });
  for (unsigned i = 0; i < crew.members(); ++i) {
    VTN_TRY(ends[i]);
    for (const LongCall& call : workers[i]->longest.calls()) {
      longest.add(call);
    }
  }
  std::vector<LongCall> calls = longest.calls();
  for (LongCall& call : calls) {
    VTN_TRY(identify(timeline(call.thread), call));
  }
  return calls;
}

report::ValueTexts texts_of_arguments(const spool::ImageInfo& image,
                                      uint32_t function,
                                      const report::CallValues::Ended& values) {
  const spool::FunctionInfo* info = image.function(function);
  if (info != nullptr && info->resumed()) {
    info = image.function(function - 1);
  }
  return report::argument_texts(values, info);
}

}  // namespace vtn::debugger

// SPDX-License-Identifier: Apache-2.0
#include "debugger/timeline.h"

#include <algorithm>

#include "base/file.h"

namespace vtn::debugger {

namespace {

// A frame of the recorder's has 8,000 ops at most; one that somebody made up can have millions.
constexpr size_t kMostPages = 64;
constexpr size_t kMostOps = size_t{1} << 20;

constexpr size_t kAskAfter = 256;  // frames, when they are only skimmed

}  // namespace

Timeline::Timeline(const Recording& recording, uint32_t thread)
    : recording_(recording), thread_(thread), frames_(recording.frames_of(thread)) {
  uint64_t ops = 0;
  uint64_t calls = info().open_at_first.size();
  for (const uint32_t frame : frames_) {
    first_ops_.push_back(ops);
    first_calls_.push_back(calls);
    ops += recording.model().frames[frame].ops;
    calls += recording.model().frames[frame].calls;
  }
  first_ops_.push_back(ops);
  first_calls_.push_back(calls);
}

size_t Timeline::frame_of(uint64_t op) const {
  // Frames without ops begin where the next one does: the last of them is it.
  const auto after = std::upper_bound(first_ops_.begin(), first_ops_.end(), op);
  return std::min(static_cast<size_t>(after - first_ops_.begin()) - 1, frames_.size());
}

Result<std::shared_ptr<const Page>> Timeline::page(size_t frame) {
  const auto known = std::find_if(
      kept_.begin(), kept_.end(), [&](const Kept& kept) { return kept.frame == frame; });
  if (known != kept_.end()) {
    std::rotate(kept_.begin(), known, known + 1);
    return kept_.front().page;
  }
  VTN_TRY(recording_.go_on());
  auto page = std::make_shared<Page>();
  VTN_TRY(reader_.read(recording_, frames_[frame], *page));
  kept_.insert(kept_.begin(), Kept{frame, page});
  size_t ops = 0;
  size_t keep = 0;
  while (keep < kept_.size() && keep < kMostPages &&
         (keep == 0 || ops + kept_[keep].page->ops.size() <= kMostOps)) {
    ops += kept_[keep++].page->ops.size();
  }
  kept_.resize(keep);
  return page;
}

Result<const spool::DecodedFrame*> Timeline::lists(size_t frame) {
  VTN_TRY(recording_.go_on());
  VTN_TRY(reader_.read_lists(recording_, frames_[frame], lists_));
  return &lists_;
}

Status Timeline::need_heads() {
  if (heads_.size() == frames_.size()) {
    return {};
  }
  heads_.clear();
  heads_.reserve(frames_.size());
  uint32_t open = static_cast<uint32_t>(info().open_at_first.size());
  for (size_t frame = 0; frame < frames_.size(); ++frame) {
    const spool::FrameInfo& at = frame_info(frame);
    spool::EventsFrame head = {};
    if (frame % kAskAfter == 0) {
      VTN_TRY(recording_.go_on());
    }
    VTN_ASSIGN(
        const size_t got,
        pread_all(
            recording_.spool().fd(), &head, sizeof(head), at.offset + sizeof(spool::FrameHead)));
    if (got != sizeof(head) || head.image != info().image || head.ops != at.ops ||
        head.open_before != open || head.lowest_open > head.open_before ||
        head.lowest_open > head.open_after) {
      heads_.clear();
      return report::FrameReader::damage(
          recording_.spool(), at, "a frame does not follow the one before");
    }
    open = head.open_after;
    heads_.push_back({head.open_before, head.lowest_open, head.open_after, head.flags});
  }
  return {};
}

Result<const Timeline::Head*> Timeline::head(size_t frame) {
  VTN_TRY(need_heads());
  return &heads_[frame];
}

Result<Timeline::Spot> Timeline::spot(uint64_t op) {
  const size_t frame = frame_of(op);
  VTN_ASSIGN(auto found, page(frame));
  return Spot{std::move(found),
              static_cast<uint32_t>(frame),
              static_cast<uint32_t>(op - first_ops_[frame])};
}

Result<Op> Timeline::op(uint64_t op) {
  VTN_ASSIGN(const Spot at, spot(op));
  return at.op();
}

Result<uint32_t> Timeline::depth_at(uint64_t place) {
  if (place == 0) {
    return static_cast<uint32_t>(info().open_at_first.size());
  }
  VTN_ASSIGN(const Op before, op(place - 1));
  return before.depth;
}

Result<std::optional<uint64_t>> Timeline::begin_of(uint64_t place, uint32_t level) {
  using Found = std::optional<uint64_t>;
  if (place == 0) {
    return Found();
  }
  // Back to the last op before which the call was not open: it is the one that begins it. Within a
  // frame, what ended takes one to its begin in a step.
  VTN_ASSIGN(const Spot from, spot(place - 1));
  size_t frame = from.frame;
  std::shared_ptr<const Page> at = from.page;
  size_t index = from.index + 1;
  while (true) {
    while (index > 0) {
      const Op& before = at->ops[index - 1];
      if (begins(before.kind)) {
        if (before.depth == level + 1) {
          return Found(first_ops_[frame] + index - 1);
        }
        --index;
      } else {
        index = before.partner == kElsewhere ? index - 1 : before.partner;
      }
    }
    VTN_TRY(need_heads());
    do {
      if (frame == 0) {
        return Found();
      }
      --frame;
    } while (heads_[frame].lowest_open > level);
    VTN_ASSIGN(at, page(frame));
    index = at->ops.size();
  }
}

Result<std::optional<uint64_t>> Timeline::end_of(uint64_t place, uint32_t level) {
  using Found = std::optional<uint64_t>;
  if (place == ops()) {
    return Found();
  }
  VTN_ASSIGN(const Spot from, spot(place));
  size_t frame = from.frame;
  std::shared_ptr<const Page> at = from.page;
  size_t index = from.index;
  while (true) {
    while (index < at->ops.size()) {
      const Op& next = at->ops[index];
      if (!begins(next.kind)) {
        if (next.depth == level) {
          return Found(first_ops_[frame] + index);
        }
        ++index;
      } else {
        index = next.partner == kElsewhere ? index + 1 : next.partner + 1;
      }
    }
    VTN_TRY(need_heads());
    do {
      if (++frame >= frames_.size()) {
        return Found();
      }
    } while (heads_[frame].lowest_open > level);
    VTN_ASSIGN(at, page(frame));
    index = 0;
  }
}

Result<uint64_t> Timeline::place_at(uint64_t ns) {
  if (ops() == 0) {
    return uint64_t{0};
  }
  // Stamps of frames go up; a frame whose first op comes after the time has all behind it.
  size_t low = 0;
  size_t high = frames_.size();
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    const uint64_t previous = frame_info(middle).previous_ticks;
    if (first_ops_[middle] == 0 || recording_.clock().to_ns(previous) <= ns) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const size_t frame = low;
  VTN_ASSIGN(const auto found, page(frame));
  const auto after =
      std::upper_bound(found->ops.begin(), found->ops.end(), ns, [](uint64_t at, const Op& op) {
        return at < op.ns;
      });
  return first_ops_[frame] + static_cast<uint64_t>(after - found->ops.begin());
}

Result<uint64_t> Timeline::number_at(uint64_t begin) {
  VTN_ASSIGN(const Spot at, spot(begin));
  return first_calls_[at.frame] + at.op().calls + 1;
}

Result<std::optional<uint64_t>> Timeline::begin_of_number(uint64_t number) {
  using Found = std::optional<uint64_t>;
  if (number <= first_calls_.front()) {
    return Found();
  }
  const auto after = std::upper_bound(first_calls_.begin(), first_calls_.end(), number - 1);
  const size_t frame = static_cast<size_t>(after - first_calls_.begin()) - 1;
  VTN_ASSIGN(const auto found, page(frame));
  const uint64_t wanted = number - 1 - first_calls_[frame];
  // The first op behind which more calls have begun.
  const auto op = std::upper_bound(
      found->ops.begin(), found->ops.end(), wanted, [](uint64_t calls, const Op& one) {
        return calls < one.calls + (one.kind == OpKind::kCall ? 1 : 0);
      });
  return Found(first_ops_[frame] + static_cast<uint64_t>(op - found->ops.begin()));
}

Result<Timeline::OpenCall> Timeline::open_call(uint64_t place, uint32_t level) {
  OpenCall call;
  VTN_ASSIGN(call.begin, begin_of(place, level));
  if (!call.begin) {
    if (level < info().open_at_first.size()) {
      const spool::OpenCall& before = info().open_at_first[level];
      call.function = before.id;
      call.start_ns = recording_.clock().to_ns(before.start_ticks);
      call.line = before.line;
      call.number = level + 1;
    }
    return call;
  }
  VTN_ASSIGN(const Spot at, spot(*call.begin));
  call.function = at.op().function;
  call.start_ns = at.op().ns;
  if (at.op().kind == OpKind::kCall) {
    call.line = at.op().line;
    call.number = first_calls_[at.frame] + at.op().calls + 1;
  }
  return call;
}

Result<std::vector<Timeline::OpenCall>> Timeline::stack_at(uint64_t place) {
  VTN_ASSIGN(const uint32_t depth, depth_at(place));
  std::vector<OpenCall> calls;
  for (uint32_t level = 0; level < depth; ++level) {
    VTN_ASSIGN(OpenCall call, open_call(place, level));
    calls.push_back(call);
  }
  return calls;
}

Result<Timeline::Told> Timeline::arguments_of(uint64_t place, uint32_t level) {
  VTN_ASSIGN(const auto begin, begin_of(place, level));
  if (begin) {
    VTN_ASSIGN(Spot at, spot(*begin));
    const spool::Note* const note = told_of(at.page->arguments, at.index);
    return Told{std::move(at.page), note};
  }
  VTN_ASSIGN(const auto end, end_of(place, level));
  if (!end) {
    return Told{};
  }
  VTN_ASSIGN(Spot at, spot(*end));
  const spool::Note* const note = told_of(at.page->end_arguments, at.index);
  return Told{std::move(at.page), note};
}

Result<Timeline::Told> Timeline::return_value_of(uint64_t end) {
  VTN_ASSIGN(Spot at, spot(end));
  const spool::Note* const note = told_of(at.page->return_values, at.index);
  return Told{std::move(at.page), note};
}

Result<Timeline::Told> Timeline::named_of(uint64_t end) {
  VTN_ASSIGN(Spot at, spot(end));
  const spool::Note* const note = told_of(at.page->named, at.index);
  return Told{std::move(at.page), note};
}

}  // namespace vtn::debugger

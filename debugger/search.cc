// SPDX-License-Identifier: Apache-2.0
#include "debugger/search.h"

#include <algorithm>
#include <map>

#include "report/call_values.h"
#include "report/summary/call_walk.h"

namespace vtn::debugger {

namespace {

using Found = std::optional<uint64_t>;

bool has(const std::vector<bool>& ids, uint32_t id) { return id < ids.size() && ids[id]; }

// Goes from page to page, from the one that `place` lies in. `wanted` says of a frame whether it is
// worth decoding; `look` tells which op of a page is the nearest, of those from `from` on (backwards:
// before it).
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

bool holds(const Timeline& timeline, uint32_t function, const spool::Note& note,
           const std::string& text) {
  for (const auto& [name, value] : texts_of_arguments(timeline.image(), function, note)) {
    if (value.find(text) != value.npos) {
      return true;
    }
  }
  return false;
}

// The longest calls so far.
class Longest {
 public:
  explicit Longest(size_t most) : most_(most) {}

  void add(const LongCall& call) {
    const auto at = std::find_if(
        calls_.begin(), calls_.end(), [&](const LongCall& one) { return before(call, one); });
    if (at == calls_.end() && calls_.size() >= most_) {
      return;
    }
    calls_.insert(at, call);
    calls_.resize(std::min(calls_.size(), most_));
  }
  std::vector<LongCall> take() { return std::move(calls_); }

 private:
  static bool before(const LongCall& a, const LongCall& b) {
    return a.took_ns != b.took_ns ? a.took_ns > b.took_ns : a.start_ns < b.start_ns;
  }

  const size_t most_;
  std::vector<LongCall> calls_;
};

// Of one thread. A call's end tells how long it took: in its frame, or in the lists of one behind.
Status add_longest(const Recording& recording,
                   Timeline& timeline,
                   const std::vector<bool>& ids,
                   Longest& longest) {
  PageReader reader;
  for (size_t frame = 0; frame < timeline.frames(); ++frame) {
    VTN_ASSIGN(const spool::DecodedFrame* const lists, timeline.lists(frame));
    const auto is_one = [&](uint32_t id) { return has(ids, id); };
    if (std::none_of(lists->functions.begin(), lists->functions.end(), is_one) &&
        std::none_of(lists->closed.begin(), lists->closed.end(), [&](const spool::OpenCall& call) {
          return is_one(call.id);
        })) {
      continue;
    }
    Page page;
    VTN_TRY(reader.read(recording, recording.frames_of(timeline.thread())[frame], page));
    // What was open before ends in the order of the list.
    size_t closed = 0;
    for (size_t i = 0; i < page.ops.size(); ++i) {
      const Op& op = page.ops[i];
      if (begins(op.kind)) {
        continue;
      }
      LongCall call;
      call.thread = timeline.thread();
      if (op.partner != kElsewhere) {
        call.start_ns = page.ops[op.partner].ns;
      } else {
        call.start_ns = recording.clock().to_ns(page.frame.closed[closed++].start_ticks);
      }
      if (is_one(op.function)) {
        call.took_ns = op.ns - call.start_ns;
        longest.add(call);
      }
    }
  }
  for (const spool::OpenCall& open : timeline.info().open) {
    if (has(ids, open.id)) {
      LongCall call;
      call.thread = timeline.thread();
      call.start_ns = recording.clock().to_ns(open.start_ticks);
      const uint64_t end_ns = report::end_of_thread_ns(recording.picture(), timeline.thread());
      call.took_ns = std::max(end_ns, call.start_ns) - call.start_ns;
      call.open = true;
      longest.add(call);
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
          const auto at = std::find_if(
              page.ops.begin() + static_cast<ptrdiff_t>(from), page.ops.end(), is_one);
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
      const spool::Note* const note = told_of(page.arguments, index);
      return note != nullptr && holds(timeline, page.ops[i].function, *note, text);
    }
    const spool::Note* const note = told_of(page.return_values, index);
    return note != nullptr && report::value_text(*note).find(text) != text.npos;
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
        for (const std::vector<Page::Told>* told : {&page.arguments, &page.return_values}) {
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
    const uint32_t image = recording.thread(thread).image;
    const auto [found, fresh] = ids.try_emplace(image);
    if (fresh) {
      found->second = function.ids_of(recording.image_of(thread));
    }
    if (!found->second.empty()) {
      VTN_TRY(add_longest(recording, timeline(thread), found->second, longest));
    }
  }
  std::vector<LongCall> calls = longest.take();
  for (LongCall& call : calls) {
    Timeline& at = timeline(call.thread);
    VTN_ASSIGN(const uint64_t behind, at.place_at(call.start_ns));
    VTN_ASSIGN(const uint32_t depth, at.depth_at(behind));
    if (depth == 0) {
      continue;
    }
    VTN_ASSIGN(const Timeline::OpenCall open, at.open_call(behind, depth - 1));
    if (open.start_ns == call.start_ns) {
      call.begin = open.begin;
      call.number = open.number;
    } else {
      // It began before the first op, as did others that lie in it.
      const auto& first = at.info().open_at_first;
      for (size_t level = 0; level < first.size(); ++level) {
        if (recording.clock().to_ns(first[level].start_ticks) == call.start_ns) {
          call.number = level + 1;
        }
      }
    }
  }
  return calls;
}

std::vector<std::pair<std::string, std::string>> texts_of_arguments(const spool::ImageInfo& image,
                                                                    uint32_t function,
                                                                    const spool::Note& note) {
  const spool::FunctionInfo* info = image.function(function);
  if (info != nullptr && info->resumed()) {
    info = image.function(function - 1);
  }
  return report::argument_texts(note, info);
}

}  // namespace vtn::debugger

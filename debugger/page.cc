// SPDX-License-Identifier: Apache-2.0
#include "debugger/page.h"

#include <algorithm>

#include "report/call_values.h"
#include "report/caller_lines.h"
#include "spool/replay.h"

namespace vtn::debugger {

namespace {

// Puts the ops of a frame into the row.
class Filler {
 public:
  explicit Filler(Page& page)
      : page_(page), notes_(page.frame.has_notes()), depth_(page.frame.head.open_before) {
    const spool::DecodedFrame& frame = page.frame;
    for (auto call = frame.closed.rbegin(); call != frame.closed.rend(); ++call) {
      open_.push_back({call->id, kElsewhere});
    }
    if (notes_) {
      lines_.start(frame);
      values_.start();
    }
  }

  void begin(uint32_t function, uint64_t ns) {
    uint32_t line = 0;
    if (notes_) {
      line = lines_.begin(function);
      tell(page_.arguments, values_.begin());
    }
    push({ns, page_.frame.functions[function], 0, kElsewhere, line, calls_, OpKind::kCall});
    ++calls_;
  }

  void special(const spool::Special& special, uint64_t ns) {
    if (notes_) {
      lines_.begin_other();
      (void)values_.begin();
    }
    const auto which = static_cast<uint32_t>(&special - page_.frame.specials.data());
    push({ns, 0, 0, kElsewhere, which, calls_, OpKind::kGap});
  }

  void end(uint64_t ns, uint32_t how) {
    const Open ended = open_.back();
    open_.pop_back();
    const auto op = static_cast<uint32_t>(page_.ops.size());
    if (notes_) {
      (void)lines_.end();
      const report::CallValues::Ended told = values_.end();
      tell(page_.return_values, told.return_value);
      tell(page_.named, told.named);
      tell(page_.end_arguments, ended.begin == kElsewhere ? told.arguments : nullptr);
    }
    if (ended.begin != kElsewhere) {
      page_.ops[ended.begin].partner = op;
    }
    const OpKind kind = how == spool::kOpReturn   ? OpKind::kReturn
                        : how == spool::kOpUnwind ? OpKind::kUnwind
                                                  : OpKind::kCut;
    page_.ops.push_back({ns, ended.function, --depth_, ended.begin, 0, calls_, kind});
  }

  void note(const spool::Note& note, uint64_t /*ns*/) {
    lines_.note(note);
    (void)values_.note(note);
  }

 private:
  struct Open {
    uint32_t function;
    uint32_t begin;
  };

  void push(Op op) {
    open_.push_back({op.function, static_cast<uint32_t>(page_.ops.size())});
    op.depth = ++depth_;
    page_.ops.push_back(op);
  }

  void tell(std::vector<Page::Told>& to, const spool::Note* note) {
    if (note != nullptr) {
      to.push_back({static_cast<uint32_t>(page_.ops.size()), note});
    }
  }

  Page& page_;
  const bool notes_;
  uint32_t depth_;
  uint32_t calls_ = 0;
  std::vector<Open> open_;  // above the frame's lowest
  report::CallerLines lines_;
  report::CallValues values_;
};

}  // namespace

const spool::Note* told_of(const std::vector<Page::Told>& told, uint32_t op) {
  const auto found = std::lower_bound(
      told.begin(), told.end(), op, [](const Page::Told& one, uint32_t at) { return one.op < at; });
  return found != told.end() && found->op == op ? found->note : nullptr;
}

Status PageReader::read(const Recording& recording, uint32_t frame, Page& page) {
  const spool::FrameInfo& info = recording.model().frames[frame];
  VTN_TRY(reader_.read_into(recording.spool(), info, page.frame));
  if (page.frame.head.calls != info.calls) {
    return report::FrameReader::damage(
        recording.spool(), info, "a frame is not what the index says");
  }
  page.ops.reserve(page.frame.head.ops);
  Filler filler(page);
  if (const Status status = spool::replay_frame(page.frame, recording.clock(), filler); !status) {
    return report::FrameReader::damage(recording.spool(), info, status.error().message);
  }
  page.frame.codes = {};
  page.frame.low = {};
  page.frame.high = {};
  return {};
}

Status PageReader::read_lists(const Recording& recording, uint32_t frame, spool::DecodedFrame& to) {
  const spool::FrameInfo& info = recording.model().frames[frame];
  VTN_ASSIGN(const std::string_view body, recording.spool().read_body(info, body_));
  if (const Status status = decoder_.decode_side(body, to); !status) {
    return report::FrameReader::damage(recording.spool(), info, status.error().message);
  }
  return {};
}

}  // namespace vtn::debugger

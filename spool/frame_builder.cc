// SPDX-License-Identifier: Apache-2.0
#include "spool/frame_builder.h"

#include <algorithm>

namespace vtn::spool {

namespace {

constexpr uint32_t kFrameOps = 1u << 14;
constexpr uint32_t kOpsAtOnce = 2;  // a gap and its end
constexpr size_t kFrameNoteBytes = size_t{1} << 20;
constexpr size_t kFrameNotes = size_t{1} << 16;
constexpr size_t kFrameFunctions = 0x1'0000 - kOpFirstCall - 1;
constexpr uint32_t kGapId = UINT32_MAX;  // in open_: no function

}  // namespace

FrameBuilder::FrameBuilder(Writer& writer,
                           FrameEncoder& encoder,
                           FrameCodes& codes,
                           uint32_t image,
                           uint32_t thread,
                           uint32_t tid)
    : writer_(writer),
      encoder_(encoder),
      codes_(codes),
      image_(image),
      thread_(thread),
      tid_(tid) {}

Status FrameBuilder::ready() {
  if (columns_.head.ops + kOpsAtOnce > kFrameOps || columns_.functions.size() >= kFrameFunctions ||
      note_bytes_.size() >= kFrameNoteBytes || columns_.notes.size() >= kFrameNotes) {
    VTN_TRY(flush());
  }
  if (frame_ == 0) {
    const uint32_t stray_ends = columns_.head.stray_ends;
    columns_.reset(kFrameOps);
    columns_.head.stray_ends = stray_ends;
    columns_.head.open_before = columns_.head.lowest_open = columns_.head.deepest =
        static_cast<uint32_t>(open_.size());
    columns_.head.start_ticks = last_ticks_;
    note_bytes_.clear();
    note_ends_.clear();
    frame_ = codes_.next_frame();
  }
  return {};
}

void FrameBuilder::resume(uint32_t sequence,
                          uint64_t last_ticks,
                          bool has_ops,
                          const std::vector<OpenCall>& open) {
  has_ops_ = has_ops;
  sequence_ = sequence;
  last_ticks_ = last_ticks;
  open_ = open;
  started_ = true;
}

uint64_t FrameBuilder::in_order(uint64_t ticks) {
  if (!started_) {
    started_ = true;
    columns_.head.start_ticks = last_ticks_ = ticks;
    return ticks;
  }
  if (__builtin_expect(ticks < last_ticks_ || (ticks == last_ticks_ && has_ops_), 0)) {
    ++moved_.stamps;
    moved_.most_ticks = std::max(moved_.most_ticks, last_ticks_ + 1 - ticks);
    return last_ticks_ + 1;
  }
  return ticks;
}

void FrameBuilder::op(uint32_t code, uint64_t ticks) {
  const uint64_t step = ticks - last_ticks_;
  last_ticks_ = ticks;
  has_ops_ = true;
  const uint32_t at = columns_.head.ops++;
  columns_.codes[at] = static_cast<uint16_t>(code);
  columns_.steps[at] = static_cast<uint16_t>(std::min<uint64_t>(step, kWideStep));
  if (step >= kWideStep) {
    columns_.wide.push_back(step);
  }
}

void FrameBuilder::opened(const OpenCall& call) {
  open_.push_back(call);
  columns_.head.deepest = std::max(columns_.head.deepest, static_cast<uint32_t>(open_.size()));
}

void FrameBuilder::begin(uint32_t id, uint64_t ticks, bool python, uint32_t line) {
  ticks = in_order(ticks);
  FrameCodes::Entry& entry = codes_.entry(id);
  if (entry.frame != frame_) {
    entry = {frame_, static_cast<uint16_t>(columns_.functions.size()), 0};
    columns_.functions.push_back(id);
  }
  line = std::min(line, kMaxCallerLine);
  if (line != entry.line) {
    note(NoteKind::kCallerLine, line, {});
    entry.line = line;
  }
  op(kOpFirstCall + entry.code, ticks);
  ++columns_.head.calls;
  opened({ticks, id, python ? kOpenPython : 0, line & kMaxCallerLine});
}

void FrameBuilder::gap(uint64_t ticks, uint64_t lost_events, GapReason reason) {
  ticks = in_order(ticks);
  columns_.specials.push_back({SpecialOp::kGap, lost_events, static_cast<uint64_t>(reason)});
  columns_.head.lost_events += lost_events;
  op(kOpSpecial, ticks);
  opened({ticks, kGapId, 0, 0});
}

void FrameBuilder::end(uint64_t ticks, OpCode how) {
  op(how, in_order(ticks));
  columns_.head.cut_calls += how == kOpCut ? 1 : 0;
  if (open_.size() == columns_.head.lowest_open) {
    columns_.closed.push_back(open_.back());
    --columns_.head.lowest_open;
  }
  open_.pop_back();
}

void FrameBuilder::note_at(NoteKind kind, uint64_t key, std::string_view bytes, uint64_t ticks) {
  note_bytes_ += bytes;
  note_ends_.push_back(note_bytes_.size());
  columns_.notes.push_back({columns_.head.ops, static_cast<uint32_t>(kind), key, {}, ticks});
}

void FrameBuilder::mark(NoteKind kind, uint64_t name, uint64_t ticks, std::string_view bytes) {
  if (!started_) {
    (void)in_order(ticks);
  }
  note_at(kind, name, bytes, ticks);
}

Status FrameBuilder::flush(bool thread_ended) {
  if (frame_ == 0) {
    if (!thread_ended && columns_.head.stray_ends == 0) {
      return {};
    }
    VTN_TRY(ready());
  }
  frame_ = 0;
  EventsFrame& head = columns_.head;
  head.image = image_;
  head.thread = thread_;
  head.tid = tid_;
  head.sequence = sequence_++;
  head.flags |= thread_ended ? kEventsThreadEnd : 0u;
  head.end_ticks = last_ticks_;
  head.open_after = static_cast<uint32_t>(open_.size());
  head.functions = static_cast<uint32_t>(columns_.functions.size());
  for (size_t i = open_.size(); i > head.lowest_open; --i) {
    columns_.left_open.push_back(open_[i - 1]);
  }
  size_t from = 0;
  for (size_t i = 0; i < columns_.notes.size(); ++i) {
    columns_.notes[i].bytes = std::string_view(note_bytes_).substr(from, note_ends_[i] - from);
    from = note_ends_[i];
  }
  VTN_TRY(writer_.append_events(columns_, encoder_.encode(columns_, true)));
  head.stray_ends = 0;
  return {};
}

}  // namespace vtn::spool

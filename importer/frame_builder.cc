// SPDX-License-Identifier: Apache-2.0
#include "importer/frame_builder.h"

#include <algorithm>

namespace vtn::importer {

namespace {

constexpr uint32_t kFrameOps = 1u << 14;
constexpr uint32_t kOpsAtOnce = 2;  // a gap and its end
constexpr size_t kFrameNoteBytes = size_t{1} << 20;
constexpr size_t kFrameFunctions = 0x1'0000 - spool::kOpFirstCall - 1;
constexpr uint32_t kGapId = UINT32_MAX;  // in open_: no function

}  // namespace

FrameBuilder::FrameBuilder(spool::Writer& writer,
                           spool::FrameEncoder& encoder,
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
      note_bytes_.size() >= kFrameNoteBytes) {
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

uint64_t FrameBuilder::stamp(uint64_t ns) {
  if (!started_) {
    started_ = true;
    columns_.head.start_ticks = last_ticks_ = ns;
    return ns;
  }
  if (__builtin_expect(ns <= last_ticks_, 0)) {
    ++moved_.stamps;
    moved_.most_ns = std::max(moved_.most_ns, last_ticks_ + 1 - ns);
    return last_ticks_ + 1;
  }
  return ns;
}

void FrameBuilder::op(uint32_t code, uint64_t ticks) {
  const uint64_t step = ticks - last_ticks_;
  last_ticks_ = ticks;
  const uint32_t at = columns_.head.ops++;
  columns_.codes[at] = static_cast<uint16_t>(code);
  columns_.steps[at] = static_cast<uint16_t>(std::min<uint64_t>(step, spool::kWideStep));
  if (step >= spool::kWideStep) {
    columns_.wide.push_back(step);
  }
}

void FrameBuilder::opened(const spool::OpenCall& call) {
  open_.push_back(call);
  columns_.head.deepest = std::max(columns_.head.deepest, static_cast<uint32_t>(open_.size()));
}

void FrameBuilder::begin(uint32_t id, uint64_t ns, bool python, uint32_t line) {
  const uint64_t ticks = stamp(ns);
  FrameCodes::Entry& entry = codes_.entry(id);
  if (entry.frame != frame_) {
    entry = {frame_, static_cast<uint16_t>(columns_.functions.size()), 0};
    columns_.functions.push_back(id);
  }
  line = std::min(line, spool::kMaxCallerLine);
  if (line != entry.line) {
    note(NoteKind::kCallerLine, line, {});
    entry.line = line;
  }
  op(spool::kOpFirstCall + entry.code, ticks);
  ++columns_.head.calls;
  opened({ticks, id, python ? spool::kOpenPython : 0, line & spool::kMaxCallerLine});
}

void FrameBuilder::gap(uint64_t ns, uint64_t lost_events, GapReason reason) {
  const uint64_t ticks = stamp(ns);
  columns_.specials.push_back({spool::SpecialOp::kGap, lost_events, static_cast<uint64_t>(reason)});
  columns_.head.lost_events += lost_events;
  op(spool::kOpSpecial, ticks);
  opened({ticks, kGapId, 0, 0});
}

void FrameBuilder::end(uint64_t ns, spool::OpCode how) {
  op(how, stamp(ns));
  columns_.head.cut_calls += how == spool::kOpCut ? 1 : 0;
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

void FrameBuilder::mark(NoteKind kind, uint64_t name, uint64_t ns, std::string_view bytes) {
  if (!started_) {
    (void)stamp(ns);
  }
  note_at(kind, name, bytes, ns);
}

Status FrameBuilder::flush() {
  if (frame_ == 0) {
    return {};
  }
  frame_ = 0;
  spool::EventsFrame& head = columns_.head;
  head.image = image_;
  head.thread = thread_;
  head.tid = tid_;
  head.sequence = sequence_++;
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

}  // namespace vtn::importer

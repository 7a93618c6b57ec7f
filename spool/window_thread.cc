// SPDX-License-Identifier: Apache-2.0
#include "spool/window_thread.h"

#include <algorithm>
#include <map>
#include <memory>

#include "abi/event_abi.h"

namespace vtn::spool {

namespace {

constexpr uint32_t kArguments = static_cast<uint32_t>(NoteKind::kArguments);
constexpr uint32_t kArgumentsOfEnd = static_cast<uint32_t>(NoteKind::kArgumentsOfEnd);
constexpr uint32_t kCallerLine = static_cast<uint32_t>(NoteKind::kCallerLine);
constexpr uint32_t kNamedValues = static_cast<uint32_t>(NoteKind::kNamedValues);
constexpr uint32_t kReturnValue = static_cast<uint32_t>(NoteKind::kReturnValue);

}  // namespace

WindowThread::WindowThread(const WindowBorders& borders,
                           const EventsFrame& first,
                           const std::vector<bool>* functions,
                           const std::vector<OpenCall>& open)
    : borders_(borders),
      from_ticks_(borders.from_ticks != 0 ? borders.from_ticks : first.start_ticks),
      functions_(functions),
      head_(first) {
  head_.sequence = 0;
  for (const OpenCall& call : open) {
    push({call, false, false, 0, {}});
  }
}

bool WindowThread::takes_whole(const EventsFrame& head) const {
  // Of calls that began before the window none ends here: those have another begin there.
  const auto clipped =
      static_cast<size_t>(std::count_if(stack_.begin(), stack_.end(), [&](const Call& one) {
        return one.call.start_ticks < from_ticks_;
      }));
  return functions_ == nullptr && head.start_ticks >= from_ticks_ &&
         head.end_ticks < borders_.to_ticks && (head.flags & kEventsNotes) == 0 &&
         head.lowest_open >= clipped && kept_calls() == stack_.size();
}

bool WindowThread::needs_lists_only(const EventsFrame& head) const {
  return closed_ || takes_whole(head) ||
         ((head.flags & kEventsNotes) == 0 && head.end_ticks < from_ticks_);
}

void WindowThread::push(Call call) {
  if (root_ == SIZE_MAX && !call.gap && is_root(call.call.id)) {
    root_ = stack_.size();
  }
  call.kept = functions_ == nullptr || root_ != SIZE_MAX;
  stack_.push_back(std::move(call));
}

uint32_t WindowThread::kept_calls() const {
  return static_cast<uint32_t>(
      std::count_if(stack_.begin(), stack_.end(), [](const Call& one) { return one.kept; }));
}

// Only its lists are known.
Status WindowThread::skip(const DecodedFrame& frame) {
  if (frame.head.open_before != stack_.size()) {
    return fail("a frame does not follow the one before");
  }
  stack_.resize(frame.head.lowest_open);
  root_ = root_ >= stack_.size() ? SIZE_MAX : root_;
  for (auto call = frame.left_open.rbegin(); call != frame.left_open.rend(); ++call) {
    push({*call, false, false, 0, {}});
  }
  return {};
}

Status WindowThread::pass_whole(const DecodedFrame& frame,
                                std::string_view bytes,
                                WindowOutput& output) {
  VTN_TRY(open(output));
  VTN_TRY(skip(frame));
  FrameColumns& columns = output.columns;
  columns.reset(0);
  columns.head = frame.head;
  columns.left_open = frame.left_open;
  last_ticks_ = frame.head.end_ticks;
  head_.sequence = frame.head.sequence + 1;
  return output.writer.append_events(columns, bytes);
}

void WindowThread::begin_frame(WindowOutput& output, size_t ops) {
  FrameColumns& to = output.columns;
  to.reset(ops);
  to.head.image = head_.image;
  to.head.thread = head_.thread;
  to.head.tid = head_.tid;
  to.head.start_ticks = last_ticks_;
  to.head.open_before = kept_calls();
}

void WindowThread::put_op(FrameColumns& to, uint64_t ticks, uint32_t code) {
  const uint64_t step = ticks - last_ticks_;
  last_ticks_ = ticks;
  if (step >= kWideStep) {
    to.wide.push_back(step);
  }
  to.steps[to.head.ops] = static_cast<uint16_t>(std::min<uint64_t>(step, kWideStep));
  to.codes[to.head.ops++] = static_cast<uint16_t>(code);
  to.head.calls += code >= kOpFirstCall ? 1 : 0;
}

// `lowest`, `deepest`: of kept calls.
Status WindowThread::end_frame(WindowOutput& output, uint32_t lowest, uint32_t deepest) {
  FrameColumns& to = output.columns;
  if (to.head.ops == 0 && to.notes.empty()) {
    return {};
  }
  to.head.sequence = head_.sequence++;
  to.head.end_ticks = last_ticks_;
  to.head.functions = static_cast<uint32_t>(to.functions.size());
  to.head.lowest_open = lowest;
  to.head.deepest = deepest;
  to.head.open_after = kept_calls();
  uint32_t above = to.head.open_after - lowest;
  for (auto one = stack_.rbegin(); one != stack_.rend() && above > 0; ++one) {
    if (one->kept) {
      to.left_open.push_back(one->call);
      --above;
    }
  }
  for (const Special& special : to.specials) {
    to.head.lost_events += special.lost_events;
  }
  const std::string_view frame = output.encoder.encode(to, true);
  return output.writer.append_events(to, frame);
}

// A frame of the calls that reach into the window, which begin in front of it.
Status WindowThread::open(WindowOutput& output) {
  if (begun_) {
    return {};
  }
  begun_ = true;
  for (Call& one : stack_) {  // what was lost before the window is not lost in it
    one.kept = one.kept && !one.gap;
  }
  const uint32_t count = kept_calls();
  const uint64_t before = std::min(from_ticks_, uint64_t{count + 1} * borders_.tick_step);
  last_ticks_ = from_ticks_ - before;
  if (count == 0) {
    return {};
  }
  begin_frame(output, count);
  FrameColumns& to = output.columns;
  to.head.open_before = 0;
  std::map<uint32_t, uint32_t> index_of;
  std::map<uint32_t, uint32_t> line_of;
  for (Call& one : stack_) {
    if (!one.kept) {
      continue;
    }
    const auto [index, fresh] =
        index_of.try_emplace(one.call.id, static_cast<uint32_t>(to.functions.size()));
    if (fresh) {
      to.functions.push_back(one.call.id);
    }
    if (line_of[one.call.id] != one.call.line) {
      line_of[one.call.id] = one.call.line;
      to.notes.push_back({to.head.ops, kCallerLine, one.call.line, {}});
    }
    if (one.arguments != 0) {
      to.notes.push_back({to.head.ops, kArguments, one.arguments, one.argument_values});
    }
    one.call.start_ticks = last_ticks_ + borders_.tick_step;
    put_op(to, one.call.start_ticks, kOpFirstCall + index->second);
  }
  return end_frame(output, 0, count);
}

// A frame that ends the calls that reach beyond the window, behind it.
Status WindowThread::close(WindowOutput& output) {
  VTN_TRY(open(output));
  closed_ = true;
  const uint32_t count = kept_calls();
  if (count == 0) {
    return {};
  }
  begin_frame(output, count);
  FrameColumns& to = output.columns;
  uint64_t ticks = std::max(borders_.to_ticks, last_ticks_ + borders_.tick_step);
  for (auto one = stack_.rbegin(); one != stack_.rend(); ++one) {
    if (!one->kept) {
      continue;
    }
    if (one->arguments != 0) {
      to.notes.push_back({to.head.ops, kArgumentsOfEnd, one->arguments, one->argument_values});
    }
    to.closed.push_back(one->call);
    put_op(to, ticks, kOpCut);
    ++to.head.cut_calls;
    ticks += borders_.tick_step;
  }
  const std::vector<Call> stack = std::move(stack_);
  stack_.clear();
  root_ = SIZE_MAX;
  Status ended = end_frame(output, 0, count);
  return ended;
}

// One frame of which some is in the window, or whose notes have to be known.
class WindowFrame {
 public:
  WindowFrame(WindowThread& thread, const DecodedFrame& frame, WindowOutput& output)
      : thread_(thread), frame_(frame), output_(output), to_(output.columns) {}

  Status pass() {
    const uint32_t ops = frame_.head.ops;
    const bool wide_codes = (frame_.head.flags & kEventsWideCodes) != 0;
    if (frame_.head.open_before != thread_.stack_.size()) {
      return fail("a frame does not follow the one before");
    }
    uint64_t ticks = frame_.head.start_ticks;
    size_t wide = 0;
    for (uint32_t i = 0; i < ops; ++i) {
      uint64_t step = frame_.low[i] | (static_cast<uint32_t>(frame_.high[i]) << 8);
      if (step == kWideStep) {
        if (wide == frame_.wide.size()) {
          return fail("a frame has too few wide steps");
        }
        step = frame_.wide[wide++];
      }
      ticks += step;
      VTN_TRY(cross(ticks, i));
      if (thread_.closed_) {
        return {};
      }
      const uint32_t code =
          frame_.codes[i] | (wide_codes ? static_cast<uint32_t>(frame_.codes[ops + i]) << 8 : 0);
      VTN_TRY(op(i, ticks, code));
    }
    uint64_t end_ticks = std::max(frame_.head.end_ticks, ticks);
    for (const Note& note : frame_.notes) {
      end_ticks = std::max(end_ticks, note.ticks);
    }
    VTN_TRY(cross(end_ticks, ops));
    if (thread_.closed_) {
      return {};
    }
    if (thread_.stack_.size() != frame_.head.open_after) {
      return fail("a frame does not end as its head says");
    }
    for (size_t i = 0; i < frame_.left_open.size(); ++i) {
      thread_.stack_[thread_.stack_.size() - 1 - i].call.traits = frame_.left_open[i].traits;
    }
    if (!inside_) {
      return {};
    }
    for (; note_ < frame_.notes.size(); ++note_) {
      take_note(frame_.notes[note_]);
    }
    if (to_.head.ops != 0 || !to_.notes.empty()) {
      to_.head.flags = frame_.head.flags & kEventsThreadEnd;
      to_.head.stray_ends = frame_.head.stray_ends;
    }
    return thread_.end_frame(output_, lowest_, deepest_);
  }

 private:
  // The time has come to `ticks`: into the window, or out of it.
  Status cross(uint64_t ticks, uint32_t index) {
    if (!inside_ && ticks >= thread_.from_ticks_) {
      VTN_TRY(thread_.open(output_));
      inside_ = true;
      if (frame_.head.start_ticks > thread_.last_ticks_) {
        thread_.last_ticks_ =
            std::max(thread_.last_ticks_, std::min(frame_.head.start_ticks, ticks));
      }
      thread_.begin_frame(output_, frame_.head.ops);
      to_.functions = frame_.functions;
      lowest_ = deepest_ = open_ = to_.head.open_before;
      begin_size_ = thread_.stack_.size();
    }
    if (ticks >= thread_.borders_.to_ticks) {
      for (; note_ < frame_.notes.size() && frame_.notes[note_].op == index; ++note_) {
        if (frame_.notes[note_].kind >= kFirstMark) {
          take_note(frame_.notes[note_]);
        }
      }
      VTN_TRY(thread_.end_frame(output_, lowest_, deepest_));
      return thread_.close(output_);
    }
    return {};
  }

  Status op(uint32_t index, uint64_t ticks, uint32_t code) {
    arguments_ = nullptr;
    value_ = nullptr;
    named_ = nullptr;
    arguments_of_end_ = nullptr;
    for (; note_ < frame_.notes.size() && frame_.notes[note_].op == index; ++note_) {
      take_note(frame_.notes[note_]);
    }
    if (code == kOpSpecial) {
      if (special_ == frame_.specials.size()) {
        return fail("a frame has too few specials");
      }
      const Special& special = frame_.specials[special_++];
      thread_.push({{ticks, 0, 0, 0}, true, false, 0, {}});
      if (inside_ && thread_.stack_.back().kept) {
        to_.specials.push_back(special);
        emit_begin(ticks, kOpSpecial);
      }
      return {};
    }
    if (code >= kOpFirstCall) {
      if (code - kOpFirstCall >= frame_.functions.size()) {
        return fail("a frame calls a function that it does not list");
      }
      begin(ticks, code);
      return {};
    }
    if (thread_.stack_.empty()) {
      return fail("a frame ends more calls than were open");
    }
    end(ticks, code);
    return {};
  }

  void begin(uint64_t ticks, uint32_t code) {
    const uint32_t id = frame_.functions[code - kOpFirstCall];
    const auto line = lines_.find(code);
    WindowThread::Call call = {
        {ticks, id, 0, line == lines_.end() ? 0 : line->second & kMaxCallerLine},
        false,
        false,
        0,
        {}};
    if (arguments_ != nullptr) {
      call.arguments = static_cast<uint32_t>(arguments_->key);
      call.argument_values = arguments_->bytes;
    }
    // What may end it is the collector's business, which is done.
    thread_.push(std::move(call));
    if (!inside_ || !thread_.stack_.back().kept) {
      return;
    }
    const uint32_t told = thread_.stack_.back().call.line;
    if (told_lines_[code] != told) {
      told_lines_[code] = told;
      to_.notes.push_back({to_.head.ops, kCallerLine, told, {}});
    }
    if (arguments_ != nullptr) {
      to_.notes.push_back({to_.head.ops, kArguments, arguments_->key, arguments_->bytes});
    }
    emit_begin(ticks, code);
  }

  void emit_begin(uint64_t ticks, uint32_t code) {
    thread_.put_op(to_, ticks, code);
    deepest_ = std::max(deepest_, ++open_);
  }

  void end(uint64_t ticks, uint32_t code) {
    const WindowThread::Call call = std::move(thread_.stack_.back());
    thread_.stack_.pop_back();
    const bool earlier = thread_.stack_.size() < begin_size_;
    begin_size_ = std::min(begin_size_, thread_.stack_.size());
    if (thread_.root_ >= thread_.stack_.size()) {
      thread_.root_ = SIZE_MAX;
    }
    if (!inside_ || !call.kept) {
      return;
    }
    if (earlier && arguments_of_end_ != nullptr) {
      to_.notes.push_back(
          {to_.head.ops, kArgumentsOfEnd, arguments_of_end_->key, arguments_of_end_->bytes});
    } else if (earlier && call.arguments != 0) {
      kept_texts_.push_back(std::make_unique<std::string>(call.argument_values));
      to_.notes.push_back({to_.head.ops, kArgumentsOfEnd, call.arguments, *kept_texts_.back()});
    }
    if (value_ != nullptr) {
      to_.notes.push_back({to_.head.ops, kReturnValue, value_->key, value_->bytes});
    }
    if (named_ != nullptr) {
      to_.notes.push_back({to_.head.ops, kNamedValues, named_->key, named_->bytes});
    }
    if (earlier) {
      to_.closed.push_back(call.call);
    }
    to_.head.cut_calls += code == kOpCut ? 1 : 0;
    thread_.put_op(to_, ticks, code);
    lowest_ = std::min(lowest_, --open_);
  }

  // Those of calls wait for their op, which says whether they are kept.
  void take_note(const Note& note) {
    if (note.kind == kCallerLine) {
      lines_[code_at(note.op)] = static_cast<uint32_t>(note.key);
    } else if (note.kind == kArguments) {
      arguments_ = &note;
    } else if (note.kind == kReturnValue) {
      value_ = &note;
    } else if (note.kind == kNamedValues) {
      named_ = &note;
    } else if (note.kind == kArgumentsOfEnd) {
      arguments_of_end_ = &note;
    } else if (!inside_) {
      return;
    } else if (note.kind < kFirstMark ||
               (note.ticks >= thread_.from_ticks_ && note.ticks < thread_.borders_.to_ticks &&
                (thread_.functions_ == nullptr || thread_.root_ != SIZE_MAX))) {
      Note copy = note;
      copy.op = to_.head.ops;
      to_.notes.push_back(copy);
    }
  }

  uint32_t code_at(uint32_t op) const {
    if (op >= frame_.head.ops) {
      return 0;
    }
    const bool wide_codes = (frame_.head.flags & kEventsWideCodes) != 0;
    return frame_.codes[op] |
           (wide_codes ? static_cast<uint32_t>(frame_.codes[frame_.head.ops + op]) << 8 : 0);
  }

  WindowThread& thread_;
  const DecodedFrame& frame_;
  WindowOutput& output_;
  FrameColumns& to_;
  bool inside_ = false;
  uint32_t lowest_ = 0;
  uint32_t deepest_ = 0;
  uint32_t open_ = 0;
  size_t begin_size_ = 0;  // of the stack: calls below were open in front of this frame
  size_t note_ = 0;
  size_t special_ = 0;
  std::map<uint32_t, uint32_t> lines_;       // by code, as the frame tells them
  std::map<uint32_t, uint32_t> told_lines_;  // and as they are told in the window
  const Note* arguments_ = nullptr;
  const Note* value_ = nullptr;
  const Note* named_ = nullptr;
  const Note* arguments_of_end_ = nullptr;
  std::vector<std::unique_ptr<std::string>> kept_texts_;
};

Status WindowThread::pass(const DecodedFrame& frame, WindowOutput& output) {
  return WindowFrame(*this, frame, output).pass();
}

Status WindowThread::finish(uint64_t alive_until, WindowOutput& output) {
  if (closed_ || alive_until < from_ticks_) {
    return {};
  }
  VTN_TRY(open(output));
  return borders_.to_ticks < alive_until ? close(output) : Status();
}

std::optional<uint32_t> WindowThread::depth_in_window(uint32_t depth) const {
  if (closed_ || !begun_ || depth >= stack_.size() || !stack_[depth].kept) {
    return {};
  }
  return static_cast<uint32_t>(std::count_if(
      stack_.begin(), stack_.begin() + depth, [](const Call& one) { return one.kept; }));
}

}  // namespace vtn::spool

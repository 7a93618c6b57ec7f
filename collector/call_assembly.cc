// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. Runs while the program runs: what it costs here is taken from the program's machine.
#include "collector/call_assembly.h"

#include <algorithm>
#include <optional>

#include <stdlib.h>

namespace vtn::collector {

namespace {

// No clock gets there, and sums stay below 2^64.
constexpr uint64_t kLatestTicks = uint64_t{1} << 62;

}  // namespace

FunctionCodes::FunctionCodes()
    // calloc of this size is a fresh mapping: pages come when they are touched.
    : entries_(static_cast<Entry*>(calloc(size_t{kMaxNameId} + 1, sizeof(Entry)))) {
  if (!entries_) {
    abort();
  }
}

void FunctionCodes::Free::operator()(Entry* entries) const { free(entries); }

void FunctionCodes::next_frame() {
  if (++frame_ == 0) {  // 2^32 frames later: entries of the first ones must not be taken for new
    std::fill_n(entries_.get(), size_t{kMaxNameId} + 1, Entry{});
    frame_ = 1;
  }
}

// The state of one pass over a chunk. The stack is bare memory with room for all that the chunk can
// begin, so that nothing is checked or allocated per event.
struct CallAssembler::Run {
  Run(CallAssembler& assembler, uint64_t latest_ticks, spool::FrameColumns& columns)
      : of(&assembler),
        to(&columns),
        codes(columns.codes.get()),
        steps(columns.steps.get()),
        last(assembler.last_ticks_),
        step(assembler.tick_step_),
        latest(latest_ticks),
        bottom(assembler.stack_.get()),
        top(bottom + assembler.depth_),
        lowest(top),
        deepest(top) {
    to->head.start_ticks = last;
    to->head.open_before = static_cast<uint32_t>(assembler.depth_);
  }

  CallAssembler* of;
  spool::FrameColumns* to;
  uint16_t* codes;
  uint16_t* steps;
  uint64_t last;
  uint64_t step;
  uint64_t latest;
  spool::OpenCall* bottom;
  spool::OpenCall* top;  // behind the innermost open call
  spool::OpenCall* lowest;
  spool::OpenCall* deepest;
  uint32_t ops = 0;
  uint32_t calls = 0;

  void emit(uint32_t code, uint64_t ticks) {
    ticks = std::max(std::min(ticks, latest), last + step);
    const uint64_t delta = ticks - last;
    last = ticks;
    codes[ops] = static_cast<uint16_t>(code);
    if (__builtin_expect(delta < spool::kWideStep, 1)) {
      steps[ops] = static_cast<uint16_t>(delta);
    } else {
      steps[ops] = spool::kWideStep;
      add_wide(*to, delta);
    }
    ++ops;
  }
  // What is rare takes no address of the state either: it stays in registers.
  [[gnu::noinline]] static void add_wide(spool::FrameColumns& to, uint64_t delta) {
    to.wide.push_back(delta);
  }

  void pop() {
    --top;
    if (__builtin_expect(top < lowest, 0)) {
      lowest = top;
      add_closed(*to, *top);
    }
  }
  [[gnu::noinline]] static void add_closed(spool::FrameColumns& to, const spool::OpenCall& call) {
    to.closed.push_back(call);
  }

  void push(uint32_t id, uint32_t traits) {
    *top++ = spool::OpenCall{last, id, static_cast<uint8_t>(traits), 0};
    deepest = std::max(deepest, top);
  }

  void cut_down_to(spool::OpenCall* wanted) {
    while (top > wanted) {
      emit(spool::kOpCut, 0);
      ++to->head.cut_calls;
      pop();
    }
  }

  void gap(uint64_t ticks, uint64_t lost_events, uint64_t reason) {
    if (reason == static_cast<uint64_t>(GapReason::kPaused)) {
      while (top != bottom) {  // nothing is lost so far: what is open was open until now
        emit(spool::kOpUnwind, ticks);
        pop();
      }
    }
    cut_down_to(bottom);
    to->specials.push_back(spool::Special{spool::SpecialOp::kGap, lost_events, reason});
    to->head.lost_events += lost_events;
    emit(spool::kOpSpecial, 0);
    deepest = std::max(deepest, bottom + 1);
    emit(spool::kOpReturn, ticks);
  }

  bool is_value_of_next_end() const {
    return to->notes.back().op == ops &&
           to->notes.back().kind == static_cast<uint32_t>(NoteKind::kReturnValue);
  }

  // Behind the innermost open call that an end of `id` ends; `bottom`: there is none.
  spool::OpenCall* find(uint32_t id) const {
    spool::OpenCall* found = top;
    while (found != bottom &&
           !(found[-1].id == id || (id == kIdAnyPython && found[-1].traits != 0) ||
             (found[-1].id == id + 1 && (found[-1].traits & spool::kOpenResumed) != 0))) {
      --found;
    }
    return found;
  }

  // The note that was added last is a kCallValue.
  void attach_value() {
    spool::Note& note = to->notes.back();
    const uint32_t id = take_function(note.bytes);
    if (const spool::OpenCall* const found = find(id); found != bottom) {
      of->attached_to_.push_back(static_cast<size_t>(found - bottom) - 1);
    } else {
      note.kind = static_cast<uint32_t>(NoteKind::kInstant);
    }
  }

  // An end that does not fit the innermost call.
  void end_by_search(uint64_t ticks, EventKind kind, uint32_t id) {
    if (id == kIdInnermost && top != bottom) {
      emit(spool::kOpCut, ticks);
      ++to->head.cut_calls;
      pop();
      return;
    }
    spool::OpenCall* const found = find(id);
    if (found == bottom) {
      ++to->head.stray_ends;
      while (!to->notes.empty() && is_value_of_next_end()) {
        to->notes.pop_back();
      }
      return;
    }
    const uint32_t before = ops;
    cut_down_to(found);
    // What it returned is told of the end that follows, not of those that were cut.
    for (auto note = to->notes.rbegin(); note != to->notes.rend() && note->op == before; ++note) {
      if (note->kind == static_cast<uint32_t>(NoteKind::kReturnValue)) {
        note->op = ops;
      }
    }
    emit(kind == EventKind::kLeave ? spool::kOpReturn : spool::kOpUnwind, ticks);
    pop();
  }

  [[gnu::noinline]] static void add_function(spool::FrameColumns& to,
                                             FunctionCodes::Entry& entry,
                                             uint32_t frame,
                                             uint32_t id,
                                             const FunctionTraits& traits) {
    entry.frame = frame;
    entry.code = static_cast<uint16_t>(spool::kOpFirstCall + to.functions.size());
    entry.traits = static_cast<uint16_t>(traits.of(id));
    to.functions.push_back(id);
  }

  // `payload` words lie behind the head. False: they are not what a tracer writes.
  [[gnu::noinline]] static bool add_note(spool::FrameColumns& to,
                                         uint32_t op,
                                         uint64_t latest,
                                         const uint64_t* head,
                                         uint32_t payload) {
    const uint64_t key = payload == 0 ? 0 : head[1];
    const auto kind = static_cast<uint32_t>(event_note_kind(*head));
    uint64_t bytes = key >> 32;
    const auto* from = reinterpret_cast<const char*>(head + 2);
    const bool timed = kind >= kFirstMark;
    if (bytes > (payload == 0 ? 0 : (payload - 1) * sizeof(uint64_t)) ||
        (timed && bytes < sizeof(uint64_t))) {
      return false;
    }
    uint64_t ticks = 0;
    if (timed) {
      ticks = std::min(head[2], latest);
      from += sizeof(ticks);
      bytes -= sizeof(ticks);
    }
    to.notes.push_back(spool::Note{op, kind, key & UINT32_MAX, {from, bytes}, ticks});
    to.head.flags |= spool::kEventsNotes;
    return true;
  }

  void finish() {
    if (__builtin_expect(!to->notes.empty() || !of->open_values_.empty(), 0)) {
      to->head.ops = ops;
      to->head.lowest_open = static_cast<uint32_t>(lowest - bottom);
      of->keep_notes(*to, lowest, static_cast<size_t>(top - lowest));
    }
    if (to->notes.empty()) {
      to->head.flags &= ~uint32_t{spool::kEventsNotes};
    }
    to->head.end_ticks = last;
    to->head.ops = ops;
    to->head.calls = calls;
    to->head.lowest_open = static_cast<uint32_t>(lowest - bottom);
    to->head.open_after = static_cast<uint32_t>(top - bottom);
    to->head.deepest = static_cast<uint32_t>(deepest - bottom);
    to->head.functions = static_cast<uint32_t>(to->functions.size());
    for (const spool::OpenCall* call = top; call > lowest; --call) {
      to->left_open.push_back(call[-1]);
    }
    of->last_ticks_ = last;
    of->depth_ = static_cast<size_t>(top - bottom);
  }
};

// Of a call that is open where the notes of a frame are.
CallAssembler::Told& CallAssembler::told_of(size_t depth) {
  if (!told_.empty() && depth >= told_.front().depth) {
    return told_[std::min(depth - told_.front().depth, told_.size() - 1)];
  }
  const auto known = std::lower_bound(
      open_values_.begin(), open_values_.end(), depth, [](const Told& one, size_t wanted) {
        return one.depth < wanted;
      });
  return known != open_values_.end() && known->depth == depth
             ? *known
             : *open_values_.insert(known, Told{depth, 0, 0, {}});
}

// What notes told of the calls that stay open. Their lines go along with them: a frame that ends
// one of them tells what it knows of it. Their arguments are told again before their end, and what
// the program attached to a call is told there at last. All else of the notes is for the reader.
void CallAssembler::keep_notes(spool::FrameColumns& of, spool::OpenCall* lowest, size_t left_open) {
  told_.clear();
  told_again_.clear();
  function_lines_.assign(of.functions.size(), 0);
  named_.clear();
  const size_t notes = of.notes.size();
  size_t note = 0;
  size_t attached = 0;
  size_t depth = of.head.open_before;
  std::vector<uint32_t> again_at;
  const auto attach = [&](spool::Note& value) {
    if (!told_of(attached_to_[attached++]).named.put(value.bytes)) {
      value.kind = static_cast<uint32_t>(NoteKind::kInstant);
    }
  };
  const auto tell_again = [&](Told&& told, uint32_t op) {
    told_again_.push_back(std::move(told));
    again_at.push_back(op);
  };
  for (uint32_t op = 0; op < of.head.ops; ++op) {
    std::optional<uint32_t> line;
    const spool::Note* arguments = nullptr;
    for (; note < notes && of.notes[note].op == op; ++note) {
      spool::Note& one = of.notes[note];
      if (one.kind == static_cast<uint32_t>(NoteKind::kCallerLine)) {
        line = one.key <= spool::kMaxCallerLine ? static_cast<uint32_t>(one.key) : 0;
      } else if (one.kind == static_cast<uint32_t>(NoteKind::kArguments)) {
        arguments = &one;
      } else if (one.kind == static_cast<uint32_t>(NoteKind::kCallValue)) {
        attach(one);
      }
    }
    const uint32_t code = of.codes[op];
    if (code >= spool::kOpFirstCall) {
      uint32_t& known = function_lines_[code - spool::kOpFirstCall];
      known = line.value_or(known);
      Told& told = told_.emplace_back(Told{depth++, known, 0, {}});
      if (arguments != nullptr) {
        told.arguments = static_cast<uint32_t>(arguments->key);
        told.values = arguments->bytes;
      }
    } else if (code == spool::kOpSpecial) {
      told_.push_back(Told{depth++, 0, 0, {}});
    } else if (!told_.empty()) {
      if (!told_.back().named.empty()) {
        told_.back().values.clear();  // told in this very frame
        tell_again(std::move(told_.back()), op);
      }
      told_.pop_back();
      --depth;
    } else {
      --depth;
      if (!open_values_.empty() && open_values_.back().depth == depth) {
        tell_again(std::move(open_values_.back()), op);
        open_values_.pop_back();
      }
    }
  }
  for (; attached < attached_to_.size() && note < notes; ++note) {
    if (of.notes[note].kind == static_cast<uint32_t>(NoteKind::kCallValue)) {
      attach(of.notes[note]);
    }
  }
  if (!attached_to_.empty()) {
    std::erase_if(of.notes, [](const spool::Note& one) {
      return one.kind == static_cast<uint32_t>(NoteKind::kCallValue);
    });
    attached_to_.clear();
  }
  for (size_t i = 0; i < again_at.size(); ++i) {
    const Told& told = told_again_[i];
    if (!told.values.empty()) {
      of.notes.push_back(spool::Note{again_at[i],
                                     static_cast<uint32_t>(NoteKind::kArgumentsOfEnd),
                                     told.arguments,
                                     told.values});
    }
    if (!told.named.empty()) {
      of.notes.push_back(spool::Note{again_at[i],
                                     static_cast<uint32_t>(NoteKind::kNamedValues),
                                     0,
                                     named_.emplace_back(told.named.bytes())});
    }
  }
  if (!again_at.empty()) {
    of.head.flags |= spool::kEventsNotes;
    std::stable_sort(
        of.notes.begin(), of.notes.end(), [](const auto& a, const auto& b) { return a.op < b.op; });
  }
  for (size_t i = 0; i < left_open && i < told_.size(); ++i) {
    lowest[i].line = told_[i].line & spool::kMaxCallerLine;
    if (!told_[i].values.empty() || !told_[i].named.empty()) {
      open_values_.push_back(std::move(told_[i]));
    }
  }
}

void CallAssembler::resume(uint64_t last_ticks, const std::vector<spool::OpenCall>& open) {
  started_ = true;
  last_ticks_ = last_ticks;
  depth_ = 0;
  make_room(open.size());
  std::copy(open.begin(), open.end(), stack_.get());
  depth_ = open.size();
}

void CallAssembler::make_room(size_t calls) {
  if (depth_ + calls + 1 <= capacity_) {
    return;
  }
  capacity_ = depth_ + calls + 1 + capacity_ / 2;
  std::unique_ptr<spool::OpenCall[]> larger(new spool::OpenCall[capacity_]);
  std::copy_n(stack_.get(), depth_, larger.get());
  stack_ = std::move(larger);
}

// Where a thread's time begins, if this is its first chunk.
void CallAssembler::start(uint64_t ticks, uint64_t latest) {
  if (!started_) {
    started_ = true;
    last_ticks_ = std::min(ticks, latest);
    last_ticks_ -= std::min<uint64_t>(last_ticks_, 4 * uint64_t{tick_step_});
  }
}

bool CallAssembler::assemble(const Chunk& chunk,
                             const FunctionTraits& traits,
                             FunctionCodes& function_codes,
                             spool::FrameColumns& to) {
  const std::span<const uint64_t> all = chunk.words.first(std::min(chunk.words.size(), kMostWords));
  const uint64_t* const words = all.data();
  const size_t count = all.size();
  // A word gives at most one op, plus two for a gap, plus one for each call it closes: those were
  // open before or begun by a word of this chunk.
  to.reset(4 * count + depth_ + 16);
  function_codes.next_frame();
  FunctionCodes::Entry* const entries = function_codes.entries();
  const uint32_t frame = function_codes.frame();
  const uint64_t latest = std::min(chunk.latest_ticks, kLatestTicks);
  uint64_t base = chunk.base_ticks;
  start(base, latest);
  make_room(count);
  Run state(*this, latest, to);
  if (depth_ >= kMaxOpenCalls) {
    damaged_ = true;
    state.cut_down_to(state.bottom);
  }

  Run run = state;  // a copy whose address nobody takes: it lives in registers
  const auto slowly = [&](auto&& work) {
    state = run;
    work(state);
    run = state;
  };
  for (size_t i = 0; i < count; ++i) {
    const uint64_t word = words[i];
    if (word == 0) {
      break;
    }
    const uint64_t ticks = base + event_delta(word);
    const EventKind kind = event_kind(word);
    const uint32_t id = event_id(word);
    if (kind == EventKind::kEnter) {
      FunctionCodes::Entry& entry = entries[id];
      if (__builtin_expect(entry.frame != frame, 0)) {
        Run::add_function(to, entry, frame, id, traits);
      }
      run.emit(entry.code, ticks);
      run.push(id, entry.traits);
      ++run.calls;
    } else if (kind != EventKind::kOpcode) {
      if (__builtin_expect(
              run.top != run.bottom &&
                  (run.top[-1].id == id || (id == kIdAnyPython && run.top[-1].traits != 0)),
              1)) {
        run.emit(kind == EventKind::kLeave ? spool::kOpReturn : spool::kOpUnwind, ticks);
        run.pop();
      } else {
        slowly([&](Run& slow) { slow.end_by_search(ticks, kind, id); });
      }
    } else {
      const uint32_t payload = event_payload_words(word);
      if (payload >= count - i) {
        damaged_ = true;
        break;
      }
      switch (event_opcode(word)) {
        case Opcode::kResync:
          if (payload >= 1) {
            base = words[i + 1];
          }
          break;
        case Opcode::kGap: {
          const uint64_t lost_events = payload >= 1 ? words[i + 1] : 0;
          const uint64_t reason =
              payload >= 2 ? words[i + 2] : static_cast<uint64_t>(GapReason::kArenaFull);
          slowly([&](Run& slow) { slow.gap(ticks, lost_events, reason); });
          break;
        }
        case Opcode::kThreadEnd:
          slowly([](Run& slow) { slow.cut_down_to(slow.bottom); });
          to.head.flags |= spool::kEventsThreadEnd;
          break;
        case Opcode::kNote:
          if (!Run::add_note(to, run.ops, latest, words + i, payload)) {
            damaged_ = true;
          } else if (event_note_kind(word) == NoteKind::kCallValue) {
            slowly([](Run& slow) { slow.attach_value(); });
          }
          break;
        default:
          damaged_ = true;
          break;
      }
      i += payload;
    }
  }
  run.finish();
  return run.ops != 0 || to.head.flags != 0 || to.head.stray_ends != 0;
}

void CallAssembler::missing(uint64_t until_ticks, uint64_t latest_ticks, spool::FrameColumns& to) {
  const uint64_t latest = std::min(latest_ticks, kLatestTicks);
  start(until_ticks, latest);
  to.reset(depth_ + 16);
  make_room(1);
  Run run(*this, latest, to);
  run.gap(until_ticks, 0, static_cast<uint64_t>(GapReason::kArenaFull));
  run.finish();
}

}  // namespace vtn::collector

// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. Runs while the program runs: what it costs here is taken from the program's machine.
#include "report/call_assembly.h"

#include <algorithm>

#include <stdlib.h>

namespace vtn {

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

// The state of one pass over a chunk, in registers as far as they go.
struct CallAssembler::Run {
  Run(CallAssembler& of, uint64_t latest_ticks, FrameColumns& columns)
      : to(columns),
        open(of.open_),
        codes(columns.codes.get()),
        steps(columns.steps.get()),
        last(of.last_ticks_),
        step(of.tick_step_),
        latest(latest_ticks) {
    to.head.start_ticks = last;
    to.head.open_before = static_cast<uint32_t>(open.size());
    lowest = open.size();
    deepest = open.size();
  }

  FrameColumns& to;
  std::vector<OpenCall>& open;
  uint16_t* codes;
  uint16_t* steps;
  uint64_t last;
  const uint64_t step;
  const uint64_t latest;
  size_t lowest;
  size_t deepest;
  uint32_t ops = 0;
  uint32_t calls = 0;

  void emit(uint32_t code, uint64_t ticks) {
    ticks = std::max(std::min(ticks, latest), last + step);
    const uint64_t delta = ticks - last;
    last = ticks;
    codes[ops] = static_cast<uint16_t>(code);
    if (__builtin_expect(delta < kWideStep, 1)) {
      steps[ops] = static_cast<uint16_t>(delta);
    } else {
      steps[ops] = kWideStep;
      to.wide.push_back(delta);
    }
    ++ops;
  }

  void pop() {
    if (__builtin_expect(open.size() - 1 < lowest, 0)) {
      lowest = open.size() - 1;
      to.closed.push_back(open.back());
    }
    open.pop_back();
  }

  void push(uint32_t id, uint32_t python) {
    open.push_back(OpenCall{last, id, python});
    deepest = std::max(deepest, open.size());
  }

  void cut_down_to(size_t depth) {
    while (open.size() > depth) {
      emit(kOpCut, 0);
      ++to.head.cut_calls;
      pop();
    }
  }

  void gap(uint64_t ticks, uint64_t lost_events, uint64_t reason) {
    cut_down_to(0);
    to.specials.push_back(Special{SpecialOp::kGap, lost_events, reason});
    to.head.lost_events += lost_events;
    emit(kOpSpecial, 0);
    deepest = std::max(deepest, size_t{1});
    emit(kOpReturn, ticks);
  }

  // An end that does not fit the innermost call.
  [[gnu::noinline]] void end_by_search(uint64_t ticks, EventKind kind, uint32_t id) {
    size_t depth = open.size();
    while (depth > 0 &&
           !(open[depth - 1].id == id || (id == kIdAnyPython && open[depth - 1].python != 0))) {
      --depth;
    }
    if (depth == 0) {
      ++to.head.stray_ends;
      return;
    }
    cut_down_to(depth);
    emit(kind == EventKind::kLeave ? kOpReturn : kOpUnwind, ticks);
    pop();
  }

  void finish(CallAssembler& of) {
    to.head.end_ticks = last;
    to.head.ops = ops;
    to.head.calls = calls;
    to.head.lowest_open = static_cast<uint32_t>(lowest);
    to.head.open_after = static_cast<uint32_t>(open.size());
    to.head.deepest = static_cast<uint32_t>(deepest);
    to.head.functions = static_cast<uint32_t>(to.functions.size());
    for (size_t i = open.size(); i > lowest; --i) {
      to.left_open.push_back(open[i - 1]);
    }
    of.last_ticks_ = last;
  }
};

void CallAssembler::resume(uint64_t last_ticks, std::vector<OpenCall> open) {
  started_ = true;
  last_ticks_ = last_ticks;
  open_ = std::move(open);
}

bool CallAssembler::assemble(const Chunk& chunk,
                             const PythonIds& python,
                             FunctionCodes& function_codes,
                             FrameColumns& to) {
  const std::span<const uint64_t> words =
      chunk.words.first(std::min(chunk.words.size(), kMaxChunkWords));
  // A word gives at most one op, plus two for a gap, plus one for each call it closes: those were
  // open before or begun by a word of this chunk.
  to.reset(4 * words.size() + open_.size() + 16);
  function_codes.next_frame();
  FunctionCodes::Entry* const entries = function_codes.entries();
  const uint32_t frame = function_codes.frame();
  const uint64_t latest = std::min(chunk.latest_ticks, uint64_t{1} << 62);
  uint64_t base = chunk.base_ticks;
  if (!started_) {
    started_ = true;
    last_ticks_ = std::min(base, latest);
    last_ticks_ -= std::min<uint64_t>(last_ticks_, tick_step_);
  }
  open_.reserve(open_.size() + words.size() + 1);
  Run run(*this, latest, to);
  if (open_.size() >= kMaxOpenCalls) {
    damaged_ = true;
    run.cut_down_to(0);
  }

  for (size_t i = 0; i < words.size(); ++i) {
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
        entry.frame = frame;
        entry.code = static_cast<uint16_t>(kOpFirstCall + to.functions.size());
        entry.python = python.contains(id) ? 1 : 0;
        to.functions.push_back(id);
      }
      run.emit(entry.code, ticks);
      run.push(id, entry.python);
      ++run.calls;
    } else if (kind != EventKind::kOpcode) {
      if (__builtin_expect(!open_.empty() && (open_.back().id == id ||
                                              (id == kIdAnyPython && open_.back().python != 0)),
                           1)) {
        run.emit(kind == EventKind::kLeave ? kOpReturn : kOpUnwind, ticks);
        run.pop();
      } else {
        run.end_by_search(ticks, kind, id);
      }
    } else {
      const uint32_t payload = event_payload_words(word);
      if (payload >= words.size() - i) {
        damaged_ = true;
        break;
      }
      switch (event_opcode(word)) {
        case Opcode::kResync:
          if (payload >= 1) {
            base = words[i + 1];
          }
          break;
        case Opcode::kGap:
          run.gap(ticks,
                  payload >= 1 ? words[i + 1] : 0,
                  payload >= 2 ? words[i + 2] : static_cast<uint64_t>(GapReason::kArenaFull));
          break;
        case Opcode::kThreadEnd:
          run.cut_down_to(0);
          to.head.flags |= kEventsThreadEnd;
          break;
        default:
          damaged_ = true;
          break;
      }
      i += payload;
    }
  }
  run.finish(*this);
  return run.ops != 0 || to.head.flags != 0 || to.head.stray_ends != 0;
}

void CallAssembler::missing(uint64_t until_ticks, uint64_t latest_ticks, FrameColumns& to) {
  const uint64_t latest = std::min(latest_ticks, uint64_t{1} << 62);
  if (!started_) {
    started_ = true;
    last_ticks_ = std::min(until_ticks, latest);
    last_ticks_ -= std::min<uint64_t>(last_ticks_, 4 * uint64_t{tick_step_});
  }
  to.reset(open_.size() + 16);
  Run run(*this, latest, to);
  run.gap(until_ticks, 0, static_cast<uint64_t>(GapReason::kArenaFull));
  run.finish(*this);
}

}  // namespace vtn

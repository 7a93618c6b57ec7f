// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of runs with such limits.
#include "collector/call_filter.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "collector/named_values.h"
#include "spool/varint.h"

namespace vtn::collector {

namespace {

// So many calls, or so many words of their arguments, wait to be told of; then they are, however
// short: what is passed on at once has to fit kMostWords.
constexpr size_t kMostWaiting = kMostWords / 16;
constexpr size_t kMostWaitingWords = kMostWords / 4;

// Told of a call that has begun, not of the next one.
bool is_attached(const std::vector<uint64_t>& note) {
  return event_note_kind(note[0]) == NoteKind::kCallValue;
}

}  // namespace

void add(LeftOutById& to, const LeftOutById& more) {
  for (const auto& [id, left_out] : more) {
    LeftOut& sum = to[id];
    sum.calls += left_out.calls;
    sum.ticks += left_out.ticks;
    sum.counted_from_ticks = std::min(sum.counted_from_ticks, left_out.counted_from_ticks);
  }
}

void write_down(const LeftOutById& left_out,
                std::unordered_map<uint32_t, uint64_t>& counted_from_ticks,
                std::string& left_out_body,
                std::string& counted_body) {
  for (const auto& [id, one] : left_out) {
    spool::append_varint(left_out_body, id);
    spool::append_varint(left_out_body, one.calls);
    spool::append_varint(left_out_body, one.ticks);
    if (one.counted_from_ticks == UINT64_MAX) {
      continue;
    }
    const auto [since, fresh] = counted_from_ticks.try_emplace(id, one.counted_from_ticks);
    if (fresh || one.counted_from_ticks < since->second) {
      since->second = one.counted_from_ticks;
      spool::append_varint(counted_body, id);
      spool::append_varint(counted_body, since->second);
    }
  }
}

void CallFilter::resume(const std::vector<spool::OpenCall>& open) {
  open_.clear();
  for (const spool::OpenCall& call : open) {
    open_.push_back(Call{call.start_ticks, call.id, call.traits, call.line, false});
  }
  counted_open_ = 0;
  told_ = open_.size();
  silent_from_ = SIZE_MAX;
}

// What is put from here on counts from `ticks`.
void CallFilter::rebase(uint64_t ticks) {
  words_.push_back(opcode_word(0, Opcode::kResync, 1));
  words_.push_back(ticks);
  base_ticks_ = ticks;
}

void CallFilter::put(uint64_t ticks, EventKind kind, uint32_t id) {
  if (ticks - base_ticks_ > kEventDeltaMax) {
    rebase(ticks);
  }
  words_.push_back(event_word(ticks - base_ticks_, kind, id));
}

// `words`: the opcode's, then its payload.
void CallFilter::put_opcode(uint64_t ticks, const uint64_t* words, uint32_t payload) {
  if (ticks - base_ticks_ > kEventDeltaMax) {
    rebase(ticks);
  }
  const uint64_t below_delta = (uint64_t{1} << kEventDeltaShift) - 1;
  words_.push_back(((ticks - base_ticks_) << kEventDeltaShift) | (words[0] & below_delta));
  words_.insert(words_.end(), words + 1, words + 1 + payload);
}

// Passes on the calls that have lasted long enough by now.
void CallFilter::tell(uint64_t now_ticks) {
  const size_t end = std::min(open_.size(), silent_from_);
  for (; told_ < end; ++told_) {
    const Call& call = open_[told_];
    if (call.counted) {
      continue;
    }
    const bool lasts = now_ticks >= call.start_ticks && now_ticks - call.start_ticks >= min_ticks_;
    if (!lasts && end - told_ < kMostWaiting && waiting_words_ < kMostWaitingWords) {
      return;
    }
    if (call.line != 0 || !lines_told_.empty()) {
      uint32_t& line_told = lines_told_[call.id];
      if (line_told != call.line) {
        line_told = call.line;
        const uint64_t words[] = {note_word(0, NoteKind::kCallerLine, 1), note_key(call.line, 0)};
        put_opcode(call.start_ticks, words, 1);
      }
    }
    const auto put_waiting = [&](bool attached) {
      while (!waiting_values_.empty() && waiting_values_.front().first == told_ &&
             is_attached(waiting_values_.front().second) == attached) {
        const std::vector<uint64_t>& words = waiting_values_.front().second;
        put_opcode(call.start_ticks, words.data(), static_cast<uint32_t>(words.size() - 1));
        waiting_words_ -= words.size();
        waiting_values_.pop_front();
      }
    };
    put_waiting(false);
    put(call.start_ticks, EventKind::kEnter, call.id);
    put_waiting(true);
  }
}

void CallFilter::begin(uint64_t ticks, uint32_t id, uint32_t traits) {
  uint32_t line = 0;
  if (next_line_known_ || !lines_.empty()) {
    uint32_t& known = lines_[id];
    known = next_line_known_ ? next_line_ : known;
    line = known;
    next_line_known_ = false;
  }
  const bool counted = counted_ != nullptr && counted_->has(id);
  const bool too_deep = !counted && open_.size() - counted_open_ >= max_depth_;
  if (silent_from_ == SIZE_MAX && (too_deep || (traits & FunctionTraits::kExcludesSubtree) != 0)) {
    silent_from_ = open_.size();
  }
  if (!next_arguments_.empty() && silent_from_ == SIZE_MAX && !counted) {
    waiting_words_ += next_arguments_.size();
    waiting_values_.emplace_back(open_.size(), std::move(next_arguments_));
  }
  next_arguments_.clear();
  next_value_.clear();
  open_.push_back(Call{ticks, id, traits & FunctionTraits::kOfOpenCalls, line, counted});
  counted_open_ += counted ? 1 : 0;
  last_ticks_ = std::max(last_ticks_, ticks);
  tell(ticks);
}

void CallFilter::leave_out(const Call& call, uint64_t end_ticks) {
  LeftOut& left_out = left_out_[call.id];
  ++left_out.calls;
  left_out.ticks += end_ticks >= call.start_ticks ? end_ticks - call.start_ticks : 0;
  if (call.counted) {
    left_out.counted_from_ticks = std::min(left_out.counted_from_ticks, call.start_ticks);
  }
}

void CallFilter::leave_out_mark(uint32_t name, uint64_t ticks) {
  LeftOut& left_out = left_out_[name & kMaxNameId];
  ++left_out.calls;
  left_out.counted_from_ticks = std::min(left_out.counted_from_ticks, ticks);
}

// Those above are gone: by `ticks`, or, without an end of their own, since the last event.
void CallFilter::close_down_to(size_t depth, uint64_t ticks) {
  for (size_t i = open_.size(); i > depth; --i) {
    const Call& call = open_[i - 1];
    counted_open_ -= call.counted ? 1 : 0;
    if (i <= told_ && !call.counted) {
      continue;
    }
    leave_out(call, ticks);
  }
  auto gone = waiting_values_.end();
  while (gone != waiting_values_.begin() && std::prev(gone)->first >= depth) {
    --gone;
    waiting_words_ -= gone->second.size();
  }
  for (auto one = gone; one != waiting_values_.end(); ++one) {
    if (is_attached(one->second)) {
      put_instant(ticks, std::move(one->second));
    }
  }
  waiting_values_.erase(gone, waiting_values_.end());
  open_.resize(depth);
  told_ = std::min(told_, depth);
  silent_from_ = silent_from_ < depth ? silent_from_ : SIZE_MAX;
}

void CallFilter::cut_down_to(size_t depth) {
  for (size_t i = told_; i > depth; --i) {
    if (!open_[i - 1].counted) {
      put(last_ticks_, EventKind::kLeave, kIdInnermost);
    }
  }
  close_down_to(depth, last_ticks_);
}

// How many are open up to the innermost one that an end of `id` ends; 0: there is none.
size_t CallFilter::find(uint32_t id) const {
  size_t found = open_.size();
  while (found != 0) {
    const Call& call = open_[found - 1];
    if (call.id == id || (id == kIdAnyPython && call.traits != 0) ||
        (call.id == id + 1 && (call.traits & spool::kOpenResumed) != 0)) {
      break;
    }
    --found;
  }
  return found;
}

void CallFilter::end(uint64_t ticks, EventKind kind, uint32_t id) {
  const size_t found = find(id);
  if (found == 0) {
    next_value_.clear();
    put(ticks, kind, id);  // counted by who assembles
    return;
  }
  cut_down_to(found);
  tell(ticks);
  if (found == told_ && !open_.back().counted) {
    if (!next_value_.empty()) {
      put_opcode(ticks, next_value_.data(), static_cast<uint32_t>(next_value_.size() - 1));
    }
    put(ticks, kind, open_.back().id);
  }
  next_value_.clear();
  close_down_to(found - 1, ticks);
  last_ticks_ = std::max(last_ticks_, ticks);
}

void CallFilter::note(uint64_t ticks, const uint64_t* words, uint32_t payload) {
  const NoteKind kind = event_note_kind(words[0]);
  if (kind == NoteKind::kArguments || kind == NoteKind::kReturnValue) {
    std::vector<uint64_t>& next = kind == NoteKind::kArguments ? next_arguments_ : next_value_;
    next.assign(words, words + 1 + payload);
    return;
  }
  if (static_cast<uint32_t>(kind) >= kFirstMark && payload != 0 && counted_ != nullptr &&
      counted_->all()) {
    leave_out_mark(static_cast<uint32_t>(words[1] & UINT32_MAX), ticks);
    return;
  }
  if (kind == NoteKind::kCallValue) {
    attach_value(ticks, words, payload);
    return;
  }
  if (kind != NoteKind::kCallerLine || payload == 0) {
    put_opcode(ticks, words, payload);
    return;
  }
  const uint64_t line = words[1] & UINT32_MAX;
  next_line_ = line <= spool::kMaxCallerLine ? static_cast<uint32_t>(line) : 0;
  next_line_known_ = true;
}

void CallFilter::put_instant(uint64_t ticks, std::vector<uint64_t> words) {
  make_instant(words);
  put_opcode(ticks, words.data(), static_cast<uint32_t>(words.size() - 1));
}

// It goes where its call goes, which may not be told so far.
void CallFilter::attach_value(uint64_t ticks, const uint64_t* words, uint32_t payload) {
  const uint32_t id = function_of({words, size_t{payload} + 1});
  const size_t found = id == kIdNone ? 0 : find(id);
  std::vector<uint64_t> note(words, words + 1 + payload);
  if (found == 0 || (found <= told_ && !open_[found - 1].counted)) {
    put_opcode(ticks, words, payload);
  } else if (open_[found - 1].counted || found > silent_from_) {
    put_instant(ticks, std::move(note));
  } else {
    const size_t place = found - 1;
    waiting_words_ += note.size();
    waiting_values_.emplace(
        std::upper_bound(waiting_values_.begin(),
                         waiting_values_.end(),
                         place,
                         [](size_t wanted, const auto& one) { return wanted < one.first; }),
        place,
        std::move(note));
  }
}

CallAssembler::Chunk CallFilter::result(uint64_t base_ticks, uint64_t latest_ticks) const {
  return {words_, base_ticks, latest_ticks};
}

CallAssembler::Chunk CallFilter::filter(const CallAssembler::Chunk& chunk,
                                        const FunctionTraits& traits) {
  words_.clear();
  lines_.clear();
  lines_told_.clear();
  next_line_known_ = false;
  next_arguments_.clear();
  next_value_.clear();
  base_ticks_ = chunk.base_ticks;
  if (open_.size() >= kMaxOpenCalls) {
    close_down_to(0, chunk.base_ticks);  // the assembler does so, too
  }
  uint64_t base = chunk.base_ticks;
  const std::span<const uint64_t> all = chunk.words;
  for (size_t i = 0; i < all.size() && all[i] != 0; ++i) {
    const uint64_t word = all[i];
    const uint64_t ticks = base + event_delta(word);
    const uint32_t id = event_id(word);
    switch (event_kind(word)) {
      case EventKind::kEnter:
        begin(ticks, id, traits.with_exclusion(id));
        continue;
      case EventKind::kLeave:
      case EventKind::kUnwind:
        end(ticks, event_kind(word), id);
        continue;
      case EventKind::kOpcode:
        break;
    }
    const uint32_t payload = event_payload_words(word);
    if (payload >= all.size() - i) {
      words_.push_back(word);  // damaged, as whoever assembles sees
      break;
    }
    switch (event_opcode(word)) {
      case Opcode::kResync:
        base = payload >= 1 ? all[i + 1] : base;
        break;
      case Opcode::kNote:
        note(ticks, &all[i], payload);
        break;
      case Opcode::kGap:
        if (payload >= 2 && all[i + 2] == static_cast<uint64_t>(GapReason::kPaused)) {
          tell(ticks);  // what is open was open until then
          close_down_to(0, ticks);
        }
        [[fallthrough]];
      case Opcode::kThreadEnd:
        cut_down_to(0);
        [[fallthrough]];
      default:
        put_opcode(ticks, &all[i], payload);
        break;
    }
    i += payload;
  }
  tell(last_ticks_);
  return result(chunk.base_ticks, chunk.latest_ticks);
}

CallAssembler::Chunk CallFilter::finish(uint64_t ticks, uint64_t latest_ticks) {
  words_.clear();
  lines_told_.clear();
  const uint64_t base_ticks = told_ < open_.size() ? open_[told_].start_ticks : ticks;
  base_ticks_ = base_ticks;
  tell(ticks);
  close_down_to(told_, ticks);
  for (const Call& call : open_) {
    if (call.counted) {
      leave_out(call, ticks);
    }
  }
  return result(base_ticks, latest_ticks);
}

}  // namespace vtn::collector

// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH, after the run.
#include "report/fold/thread_fold.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"
#include "report/fold/fold_note.h"
#include "report/marks.h"
#include "report/text.h"
#include "spool/name_record.h"
#include "spool/replay.h"
#include "spool/varint.h"

namespace vtn::report {

namespace {

constexpr size_t kNamedFunctions = 2;
constexpr size_t kMostNames = size_t{1} << 15;  // in one image: others are called by one name
constexpr size_t kMostNameBytes = 200;          // of a function's, in that of a fold
constexpr size_t kMostValueBytesKept = size_t{1} << 16;  // of a call that may be folded

// Those from there on nobody has named.
size_t counted_ids(const spool::ImageInfo& image) {
  return std::max<size_t>(image.function_of_id.size(), kIdTooManyNames + 1);
}

}  // namespace

FoldNames::FoldNames(const spool::Model& model, spool::Writer& writer)
    : model_(model), writer_(writer), images_(model.images.size()) {
  for (size_t i = 0; i < model.images.size(); ++i) {
    const std::vector<uint32_t>& named = model.images[i].function_of_id;
    size_t ids = named.size();
    while (ids > kFirstNameId && named[ids - 1] == 0) {
      --ids;
    }
    images_[i].next_id = std::max(static_cast<uint32_t>(ids), uint32_t{kFirstNameId});
  }
}

Result<uint32_t> FoldNames::id_of(uint32_t image, std::span<const FunctionCount> counts) {
  const std::vector<FunctionCount> functions = FoldNote::by_function(model_.images[image], counts);
  std::vector<FunctionCount> most(std::min(functions.size(), kNamedFunctions + 1));
  std::partial_sort_copy(functions.begin(),
                         functions.end(),
                         most.begin(),
                         most.end(),
                         [](const FunctionCount& a, const FunctionCount& b) {
                           return a.calls != b.calls ? a.calls > b.calls : a.function < b.function;
                         });
  std::vector<uint32_t> named;
  for (size_t i = 0; i < std::min(most.size(), kNamedFunctions); ++i) {
    named.push_back(most[i].function);
  }
  // The order says nothing that the counts do not, and would double the names.
  std::sort(named.begin(), named.end());
  named.push_back(functions.size() > kNamedFunctions ? 1 : 0);
  MutexLock lock(mutex_);
  Image& own = images_[image];
  if (own.ids.size() >= kMostNames && !own.ids.contains(named)) {
    named.clear();
  }
  if (own.next_id > kMaxNameId && !own.ids.contains(named)) {
    return kIdTooManyNames;
  }
  const auto [found, is_new] = own.ids.try_emplace(named, own.next_id);
  if (is_new) {
    ++own.next_id;
    std::string text = "folded";
    for (size_t i = 0; i + 1 < named.size(); ++i) {
      const std::string name = display_name(model_.images[image].function(named[i]), named[i]);
      text += (i == 0 ? ": " : ", ") + name.substr(0, utf8_fitting(name, kMostNameBytes));
    }
    text += !named.empty() && named.back() != 0 ? ", ..." : "";
    FunctionRecord record = {};
    record.id = found->second;
    record.kind = FunctionKind::kFold;
    VTN_TRY(spool::append_names(writer_, image, spool::function_record(record, text, "")));
  }
  return found->second;
}

ThreadFold::ThreadFold(FoldRun& run, uint32_t thread, const FoldStart& start)
    : run_(run),
      image_(run.model.images[run.model.threads[thread].image]),
      builder_(run.writer,
               encoder_,
               codes_,
               image_.image,
               run.model.threads[thread].thread,
               run.model.threads[thread].tid),
      log_(counted_ids(image_)),
      levels_(1) {
  // What was open before the first frame, where those before it were dropped, stays.
  for (const spool::OpenCall& call : run.model.threads[thread].open_at_first) {
    Level& level = push();
    level.call.start_ticks = call.start_ticks;
    level.call.start_ns = run.clock.to_ns(call.start_ticks);
    level.call.id = call.id;
    level.call.line = call.line;
    level.sequence = start.sequence - 1;
  }
  kept_ = open_;
  builder_.resume(
      start.sequence, start.ticks, start.has_ops, run.model.threads[thread].open_at_first);
}

class ThreadFold::Sink {
 public:
  Sink(ThreadFold& fold, const spool::DecodedFrame& frame) : fold_(fold), frame_(frame) {}

  void at(uint64_t ticks) { fold_.ticks_ = ticks; }
  // Behind a failure nothing is done any more.
  void begin(uint32_t function, uint64_t ns) {
    if (!status) {
      return;
    }
    const uint32_t line = fold_.lines_.begin(function);
    const spool::Note* const arguments = fold_.values_.begin();
    status = fold_.begin(fold_.known_id(frame_.functions[function]), line, arguments, ns);
  }
  void special(const spool::Special& special, uint64_t ns) {
    if (!status) {
      return;
    }
    fold_.lines_.begin_other();
    (void)fold_.values_.begin();
    status = fold_.begin_gap(special, ns);
  }
  void end(uint64_t ns, uint32_t how) {
    if (!status) {
      return;
    }
    (void)fold_.lines_.end();
    const CallValues::Ended values = fold_.values_.end();
    status = fold_.end(static_cast<spool::OpCode>(how), values, ns);
  }
  void note(const spool::Note& note, uint64_t /*ns*/) {
    if (status) {
      fold_.lines_.note(note);
      status = fold_.values_.note(note) ? Status() : fold_.mark(note);
    }
  }

  Status status;

 private:
  ThreadFold& fold_;
  const spool::DecodedFrame& frame_;
};

Status ThreadFold::take(const spool::FrameInfo& /*info*/, const spool::DecodedFrame& frame) {
  if (frame.head.open_before != open_ - 1) {
    return fail("a frame does not follow the one before");
  }
  lines_.start(frame);
  values_.start();
  Sink sink(*this, frame);
  VTN_TRY(spool::replay_frame(frame, run_.clock, sink));
  builder_.stray_ends(frame.head.stray_ends);
  ended_ = (frame.head.flags & spool::kEventsThreadEnd) != 0;
  return std::move(sink.status);
}

uint32_t ThreadFold::known_id(uint32_t id) const {
  return id < counted_ids(image_) ? id : kIdTooManyNames;
}

bool ThreadFold::is_python(uint32_t id) const {
  const spool::FunctionInfo* const function = image_.function(id);
  return function != nullptr && function->kind == FunctionKind::kPython;
}

ThreadFold::Level& ThreadFold::push() {
  if (open_ == levels_.size()) {
    levels_.emplace_back();
  }
  Level& level = levels_[open_++];
  level.gap = false;
  level.log_begin = log_.end();
  return level;
}

Status ThreadFold::begin(uint32_t id, uint32_t line, const spool::Note* arguments, uint64_t ns) {
  VTN_TRY(keep_until(ns));
  if (kept_ == open_) {
    const Group& group = levels_[open_ - 1].inner;
    if (group.calls != 0 && ns - group.end_ns >= run_.short_below_ns) {
      VTN_TRY(leave_group());
    }
  }
  Call& call = push().call;
  call.start_ticks = ticks_;
  call.start_ns = ns;
  call.id = id;
  call.line = line;
  call.arguments = arguments == nullptr ? 0 : static_cast<uint32_t>(arguments->key);
  if (arguments != nullptr) {
    call.argument_values = arguments->bytes.substr(0, kMostValueBytesKept);
  }
  return {};
}

Status ThreadFold::begin_gap(const spool::Special& special, uint64_t ns) {
  VTN_TRY(keep_all());
  VTN_TRY(leave_group());
  VTN_TRY(builder_.ready());
  builder_.gap(ticks_, special.lost_events, static_cast<GapReason>(special.reason));
  Level& level = push();
  level.gap = true;
  level.call = {};
  level.call.start_ns = ns;
  level.sequence = builder_.sequence();
  kept_ = open_;
  return {};
}

Status ThreadFold::end(spool::OpCode how, const CallValues::Ended& values, uint64_t ns) {
  VTN_TRY(keep_until(ns));
  if (how == spool::kOpCut) {
    VTN_TRY(keep_all());
  }
  if (kept_ == open_) {
    return end_kept(how, values);
  }
  end_short(how, values, ns);
  return {};
}

Status ThreadFold::end_kept(spool::OpCode how, const CallValues::Ended& values) {
  VTN_TRY(leave_group());
  Level& own = levels_[open_ - 1];
  VTN_TRY(builder_.ready());
  if (!own.gap && own.sequence != builder_.sequence()) {
    if (own.call.arguments != 0) {
      builder_.note(NoteKind::kArgumentsOfEnd, own.call.arguments, own.call.argument_values);
    } else if (values.arguments != nullptr) {
      builder_.note(NoteKind::kArgumentsOfEnd, values.arguments->key, values.arguments->bytes);
    }
  }
  if (values.return_value != nullptr) {
    builder_.note(NoteKind::kReturnValue, values.return_value->key, values.return_value->bytes);
  }
  if (values.named != nullptr) {
    builder_.note(NoteKind::kNamedValues, values.named->key, values.named->bytes);
  }
  builder_.end(ticks_, how);
  --open_;
  --kept_;
  return {};
}

void ThreadFold::end_short(spool::OpCode how, const CallValues::Ended& values, uint64_t ns) {
  Level& own = levels_[--open_];
  Group& inner = own.inner;
  Group& group = levels_[open_ - 1].inner;
  if (group.calls == 0) {
    group.start_ticks = own.call.start_ticks;
    group.log = inner.calls != 0 ? inner.log : CallLog::Part{own.log_begin};
  }
  const bool has_values =
      own.call.arguments != 0 || values.return_value != nullptr || values.named != nullptr;
  if (group.calls == 0 && inner.calls == 0) {
    std::swap(group.only, own.call);
    group.how = how;
    group.has_returned = values.return_value != nullptr;
    if (group.has_returned) {
      group.returned = values.return_value->bytes.substr(0, kMostValueBytesKept);
    }
    group.named = values.named == nullptr ? std::string() : std::string(values.named->bytes);
    group.busy_ns = ns - group.only.start_ns;
    log_.add(group.only.id);
  } else {
    group.busy_ns += ns - own.call.start_ns;
    log_.add(own.call.id);
  }
  group.calls += 1 + inner.calls;
  group.raised += inner.raised + (how == spool::kOpUnwind ? 1 : 0);
  group.with_values += inner.with_values + (has_values ? 1 : 0);
  group.end_ticks = ticks_;
  group.end_ns = ns;
  log_.shorten(group.log);
  inner.calls = inner.raised = inner.with_values = inner.busy_ns = 0;
}

// Something that happened: what it happened in is kept, unless there is too much of that.
Status ThreadFold::mark(const spool::Note& note) {
  const bool renamed = note.kind == static_cast<uint32_t>(NoteKind::kThreadName);
  if (!renamed && !is_mark(note) && !is_span_begin(note)) {
    return {};
  }
  // Values of counters are not drawn among the calls, nor are spans.
  if (renamed || (note.kind == static_cast<uint32_t>(NoteKind::kInstant) &&
                  run_.pins.fetch_add(1, std::memory_order_relaxed) < run_.most_pins)) {
    VTN_TRY(keep_all());
  }
  if (renamed) {
    // It has no stamp of its own but that of what comes next.
    VTN_TRY(leave_group());
    VTN_TRY(builder_.ready());
    builder_.note(NoteKind::kThreadName, note.key, note.bytes);
    return {};
  }
  VTN_TRY(builder_.ready());
  builder_.mark(static_cast<NoteKind>(note.kind), note.key, note.ticks, note.bytes);
  return {};
}

// Those calls that have lasted long enough by then.
Status ThreadFold::keep_until(uint64_t ns) {
  while (kept_ < open_ && ns - levels_[kept_].call.start_ns >= run_.short_below_ns) {
    VTN_TRY(keep_next());
  }
  return {};
}

Status ThreadFold::keep_all() {
  while (kept_ < open_) {
    VTN_TRY(keep_next());
  }
  return {};
}

Status ThreadFold::keep_next() {
  VTN_TRY(leave_group());
  Level& level = levels_[kept_];
  VTN_TRY(put_begin(level.call, level.sequence));
  ++kept_;
  return {};
}

Status ThreadFold::put_begin(const Call& call, uint32_t& sequence) {
  VTN_TRY(builder_.ready());
  if (call.arguments != 0) {
    builder_.note(NoteKind::kArguments, call.arguments, call.argument_values);
  }
  sequence = builder_.sequence();
  builder_.begin(call.id, call.start_ticks, is_python(call.id), call.line);
  return {};
}

// The group within the innermost call that is kept: whatever comes next is behind it.
Status ThreadFold::leave_group() {
  Group& group = levels_[kept_ - 1].inner;
  if (group.calls == 0) {
    return {};
  }
  const size_t end = kept_ < open_ ? levels_[kept_].log_begin : log_.end();
  if (group.calls == 1) {
    uint32_t sequence = 0;
    VTN_TRY(put_begin(group.only, sequence));
    if (group.has_returned) {
      builder_.note(NoteKind::kReturnValue, 0, group.returned);
    }
    if (!group.named.empty()) {
      builder_.note(NoteKind::kNamedValues, 0, group.named);
    }
    builder_.end(group.end_ticks, group.how);
  } else {
    VTN_TRY(put_fold(group, log_.count(group.log.begin, end)));
  }
  log_.forget_until(end);
  group.calls = group.raised = group.with_values = group.busy_ns = 0;
  return {};
}

Status ThreadFold::put_fold(const Group& group, std::span<const FunctionCount> functions) {
  FoldNote note = {.calls = group.calls, .raised = group.raised, .busy_ns = group.busy_ns};
  note.functions.assign(functions.begin(), functions.end());
  counts_.clear();
  note.append_to(counts_);
  VTN_ASSIGN(const uint32_t id, run_.names.id_of(image_.image, functions));
  VTN_TRY(builder_.ready());
  builder_.note(NoteKind::kFold, group.calls, counts_);
  builder_.begin(id, group.start_ticks, false, 0);
  builder_.end(group.end_ticks);
  uint64_t calls = 0;
  for (const FunctionCount& count : functions) {
    const spool::FunctionInfo* const function = image_.function(count.function);
    calls += function != nullptr && function->resumed() ? 0 : count.calls;
  }
  run_.folds.fetch_add(1, std::memory_order_relaxed);
  run_.slices.fetch_add(group.calls, std::memory_order_relaxed);
  run_.calls.fetch_add(calls, std::memory_order_relaxed);
  run_.values.fetch_add(group.with_values, std::memory_order_relaxed);
  return {};
}

Status ThreadFold::finish() {
  VTN_TRY(keep_all());
  VTN_TRY(leave_group());
  return builder_.flush(ended_);
}

}  // namespace vtn::report

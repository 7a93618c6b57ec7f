// SPDX-License-Identifier: Apache-2.0
#include "report/html/thread_rows.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "report/html/values_json.h"
#include "report/marks.h"
#include "report/summary/call_walk.h"
#include "report/summary/text.h"
#include "report/text.h"
#include "spool/replay.h"

namespace vtn::report {

namespace {

constexpr size_t kBytesOfElement = size_t{1} << 20;
constexpr size_t kSmallBlockBytes = kBytesOfElement / 4;
constexpr size_t kNoPayloads = 1;  // kNoPayload is one of them
constexpr char kHoleKey[] = "lost";
constexpr char kThreadCategory[] = "thread";

}  // namespace

Status CallBlocks::put(std::string block) {
  if (block.size() < kSmallBlockBytes) {
    MutexLock lock(mutex_);
    small_ += block;
    if (small_.size() < kBytesOfElement) {
      return {};
    }
    block = std::exchange(small_, std::string());
  }
  VTN_TRY(pipe_.put("calls", "", std::move(block)));
  return {};
}

Status CallBlocks::flush() {
  MutexLock lock(mutex_);
  if (!small_.empty()) {
    VTN_TRY(pipe_.put("calls", "", std::exchange(small_, std::string())));
  }
  return {};
}

Status put_values(
    PageRun& run, uint32_t page_thread, uint64_t from_ns, uint64_t to_ns, const std::string& rows) {
  VTN_TRY(run.pipe.put("values",
                       fmt::format(" data-thread=\"{}\" data-from-ns=\"{}\" data-to-ns=\"{}\"",
                                   page_thread,
                                   from_ns - run.offset_ns,
                                   to_ns - run.offset_ns),
                       fmt::format("{{\"thread\":{},\"calls\":[\n{}]}}\n", page_thread, rows)));
  return {};
}

ThreadRows::Rows::Rows(ThreadRows& of, bool overview)
    : of_(of), overview_(overview), block_(of.page_thread_) {}

void ThreadRows::Rows::call(uint32_t depth, const CallRow& row) {
  const uint32_t function = row.function / 2;
  if (!overview_) {
    ++of_.row_count_;
    of_.kept_calls_ +=
        (row.flags & kRowResumed) == 0 && function != of_.run_.functions.hole() ? 1 : 0;
    if (row.payload != kNoPayload) {
      of_.write_values(depth, block_.next_row(depth), row);
    }
    if (of_.has_overview_) {
      CallRow coarse = row;
      coarse.payload = kNoPayload;
      of_.overview_.call(depth, coarse);
    }
  }
  block_.add(depth, row.start_ns, row.end_ns, function, row.flags);
  flush_if_full();
}

void ThreadRows::Rows::fold(uint32_t depth, const FoldRow& row) {
  functions_.clear();
  for (const FunctionCount& count : row.functions) {
    const uint32_t function = count.function / 2;
    if (!functions_.empty() && functions_.back().function == function) {
      functions_.back().calls += count.calls;
    } else {
      functions_.push_back({function, count.calls});
    }
  }
  if (!overview_) {
    ++of_.row_count_;
    ++of_.folds_;
    count_fold(row);
    if (of_.has_overview_) {
      of_.overview_.fold(depth, row);
    }
  }
  FoldRow shown = row;
  shown.functions = functions_;
  block_.add_fold(depth, shown, of_.run_.functions.count() + of_.run_.sets.number_of(functions_));
  flush_if_full();
}

void ThreadRows::Rows::count_fold(const FoldRow& row) {
  for (const FunctionCount& count : row.functions) {
    if (count.function % 2 == 0) {
      of_.folded_calls_ += count.calls;
      of_.folded_of_function_[count.function / 2] += count.calls;
    }
  }
}

void ThreadRows::Rows::forget(uint32_t payload) {
  ++of_.folded_values_;
  of_.free_payloads_.push_back(payload);
}

void ThreadRows::Rows::flush_if_full() {
  if (block_.full()) {
    (void)flush();
  }
}

Status ThreadRows::Rows::flush() {
  if (block_.rows() == 0) {
    return {};
  }
  std::string bytes = block_.pack(of_.run_.offset_ns);
  if (overview_) {
    MutexLock lock(of_.run_.mutex);
    of_.run_.overview += bytes;
  } else if (of_.status_) {
    of_.status_ = of_.run_.calls.put(std::move(bytes));
  }
  return of_.status_;
}

ThreadRows::ThreadRows(PageRun& run, uint32_t thread)
    : run_(run),
      thread_(thread),
      page_thread_(run.page_thread[thread]),
      image_(run.picture.model.images[run.picture.model.threads[thread].image]),
      rows_(*this, false),
      overview_rows_(*this, true),
      folder_(rows_, run.fold_below_ns, size_t{2} * run.functions.count()),
      overview_(overview_rows_, run.overview_below_ns, size_t{2} * run.functions.count()),
      has_overview_(run.overview_below_ns != 0),
      payloads_(kNoPayloads),
      folded_of_function_(run.functions.count()) {
  begin_at_first();
}

// What was open before the first frame, where those before it were dropped.
void ThreadRows::begin_at_first() {
  for (const spool::OpenCall& call : run_.picture.model.threads[thread_].open_at_first) {
    const spool::FunctionInfo* function = image_.function(call.id);
    const bool resumed = function != nullptr && function->resumed();
    const uint32_t image = run_.picture.model.threads[thread_].image;
    begin(run_.functions.number_of(image, function_index(image_, resumed ? call.id - 1 : call.id)),
          call.id,
          run_.picture.clock.to_ns(call.start_ticks),
          resumed);
  }
}

template <bool kNotes>
class ThreadRows::Sink {
 public:
  explicit Sink(ThreadRows& rows) : rows_(rows) {}

  void begin(uint32_t function, uint64_t ns) {
    if constexpr (kNotes) {
      (void)rows_.lines_.begin(function);
      (void)rows_.values_.begin();
    }
    rows_.begin(
        rows_.functions_[function], rows_.ids_[function], ns, rows_.resumed_[function] != 0);
  }
  void special(const spool::Special& special, uint64_t ns) {
    if constexpr (kNotes) {
      rows_.lines_.begin_other();
      (void)rows_.values_.begin();
    }
    rows_.begin_hole(special, ns);
  }
  void end(uint64_t ns, uint32_t how) {
    uint32_t payload = kNoPayload;
    if constexpr (kNotes) {
      const uint32_t line = rows_.lines_.end();
      const CallValues::Ended values = rows_.values_.end();
      payload = rows_.payload_of(line, values, rows_.stack_.back().id);
    }
    const uint32_t flags = how == spool::kOpUnwind ? kRowRaised
                           : how == spool::kOpCut  ? kRowCut | kRowPinned
                                                   : 0;
    rows_.end(ns, flags, payload);
  }
  void note(const spool::Note& note, uint64_t ns) requires kNotes {
    rows_.lines_.note(note);
    if (!rows_.values_.note(note)) {
      rows_.mark(note, ns);
    }
  }

 private:
  ThreadRows& rows_;
};

Status ThreadRows::take(const spool::FrameInfo& /*info*/, const spool::DecodedFrame& frame) {
  if (frame.head.open_before != stack_.size()) {
    return fail("a frame does not follow the one before");
  }
  const uint32_t image = run_.picture.model.threads[thread_].image;
  functions_.clear();
  ids_.clear();
  resumed_.clear();
  for (const uint32_t id : frame.functions) {
    const spool::FunctionInfo* function = image_.function(id);
    const bool resumed = function != nullptr && function->resumed();
    functions_.push_back(
        run_.functions.number_of(image, function_index(image_, resumed ? id - 1 : id)));
    ids_.push_back(id);
    resumed_.push_back(resumed);
  }
  if (frame.has_notes()) {
    lines_.start(frame);
    values_.start();
    Sink<true> sink(*this);
    VTN_TRY(spool::replay_frame(frame, run_.picture.clock, sink));
  } else {
    Sink<false> sink(*this);
    VTN_TRY(spool::replay_frame(frame, run_.picture.clock, sink));
  }
  return status_;
}

void ThreadRows::begin(uint32_t function, uint32_t id, uint64_t ns, bool resumed) {
  stack_.push_back({ns, function, id, resumed ? uint32_t{kRowResumed} : 0, kNoPayload});
}

void ThreadRows::begin_hole(const spool::Special& special, uint64_t ns) {
  std::string members;
  append_json_member(members, kHoleKey, gap_name(special));
  const uint32_t name = keep("0,{" + members + "},null");
  stack_.push_back({ns, run_.functions.hole(), 0, kRowPinned, name});
}

void ThreadRows::end(uint64_t ns, uint32_t flags, uint32_t payload) {
  const Open call = stack_.back();
  stack_.pop_back();
  folder_.call(static_cast<uint32_t>(stack_.size()),
               {call.start_ns,
                ns,
                key_of(call.function, (call.flags & kRowResumed) != 0),
                call.flags | flags,
                call.gap_name != kNoPayload ? call.gap_name : payload});
}

uint32_t ThreadRows::keep(std::string text) {
  if (free_payloads_.empty()) {
    payloads_.push_back(std::move(text));
    return static_cast<uint32_t>(payloads_.size() - 1);
  }
  const uint32_t payload = free_payloads_.back();
  free_payloads_.pop_back();
  payloads_[payload] = std::move(text);
  return payload;
}

uint32_t ThreadRows::payload_of(uint32_t line, const CallValues::Ended& values, uint32_t id) {
  std::string text = call_values_json(line, values, image_.function(id));
  return text.empty() ? kNoPayload : keep(std::move(text));
}

void ThreadRows::write_values(uint32_t depth, uint32_t number, const CallRow& row) {
  value_rows_ += fmt::format("{}[{},{},", value_rows_.empty() ? "" : ",\n", depth, number);
  value_rows_ += payloads_[row.payload];
  value_rows_ += ']';
  values_from_ns_ = std::min(values_from_ns_, row.start_ns);
  values_to_ns_ = std::max(values_to_ns_, row.end_ns);
  free_payloads_.push_back(row.payload);
  if (value_rows_.size() >= kLongPageText) {
    flush_values();
  }
}

void ThreadRows::flush_values() {
  if (!value_rows_.empty()) {
    if (status_) {
      status_ = put_values(run_, page_thread_, values_from_ns_, values_to_ns_, value_rows_);
    }
    value_rows_.clear();
    values_from_ns_ = UINT64_MAX;
    values_to_ns_ = 0;
  }
}

SpanRows& ThreadRows::spans() {
  if (spans_ == nullptr) {
    spans_ = std::make_unique<SpanRows>(run_, thread_);
  }
  return *spans_;
}

void ThreadRows::mark(const spool::Note& note, uint64_t ns) {
  if (note.kind == static_cast<uint32_t>(NoteKind::kThreadName)) {
    instant(ns, thread_renamed(note.bytes), kThreadCategory, "");
    return;
  }
  if (is_span_begin(note)) {
    spans().begin(note);
    return;
  }
  if (is_span(note)) {
    spans().end(note);
    return;
  }
  if (!is_mark(note)) {
    return;
  }
  const uint64_t own_ns =
      std::max(run_.picture.clock.to_ns(note.ticks), run_.offset_ns) - run_.offset_ns;
  const spool::FunctionInfo* const function = image_.function(static_cast<uint32_t>(note.key));
  if (note.kind == static_cast<uint32_t>(NoteKind::kCounter)) {
    const CounterValue counter = counter_of(note, function);
    auto& [times, numbers] = counters_[counter.name];
    const std::string time = (times.empty() ? "" : ",") + std::to_string(own_ns);
    const std::string number = (numbers.empty() ? "" : ",") + json_number(counter.number);
    times += time;
    numbers += number;
    counter_bytes_ += time.size() + number.size();
  } else {
    const Instant what = instant_of(note, function);
    std::string values;
    for (const auto& [name, value] : what.values) {
      values += (values.empty() ? "[" : ",[") + json_quoted(name) + "," + json_quoted(value) + "]";
    }
    instant(own_ns + run_.offset_ns,
            what.name,
            what.category.empty() ? "instant" : what.category,
            values);
  }
  if (instants_.size() + counter_bytes_ >= kLongPageText) {
    flush_marks();
  }
}

void ThreadRows::instant(uint64_t ns,
                         const std::string& name,
                         const std::string& category,
                         const std::string& values) {
  instants_ += fmt::format("{}[{},{},{},[{}]]",
                           instants_.empty() ? "" : ",\n",
                           std::max(ns, run_.offset_ns) - run_.offset_ns,
                           json_quoted(name),
                           json_quoted(category),
                           values);
  const auto depth = static_cast<uint32_t>(stack_.size());
  if (run_.fold_below_ns != 0 &&
      run_.pins.fetch_add(1, std::memory_order_relaxed) < run_.most_pins) {
    folder_.pin(depth);
  }
}

void ThreadRows::flush_marks() {
  if (instants_.empty() && counters_.empty()) {
    return;
  }
  std::string text =
      fmt::format("{{\"thread\":{},\"instants\":[\n{}],\n\"counters\":[", page_thread_, instants_);
  bool first = true;
  for (const auto& [name, columns] : counters_) {
    text += fmt::format(
        "{}\n[{},[{}],[{}]]", first ? "" : ",", json_quoted(name), columns.first, columns.second);
    first = false;
  }
  put("marks", fmt::format(" data-thread=\"{}\"", page_thread_), text + "]}\n");
  instants_.clear();
  counters_.clear();
  counter_bytes_ = 0;
}

void ThreadRows::put(const char* kind, std::string attributes, std::string bytes) {
  if (status_) {
    if (auto number = run_.pipe.put(kind, std::move(attributes), std::move(bytes)); !number) {
      status_ = tl::unexpected<Error>(std::move(number).error());
    }
  }
}

void ThreadRows::close_open_calls() {
  const spool::ThreadInfo& info = run_.picture.model.threads[thread_];
  const Picture::ThreadEnd& end_of_calls = run_.picture.ends[thread_];
  const uint64_t last_ns = end_of_thread_ns(run_.picture, thread_);
  for (uint64_t closed = 0; !stack_.empty(); ++closed) {
    const size_t depth = stack_.size() - 1;
    const spool::OpenCall* const open = depth < info.open.size() ? &info.open[depth] : nullptr;
    const OpenCallValues told(image_, info.thread, depth);
    const uint32_t payload =
        payload_of(open == nullptr ? 0 : open->line, told.ended(), stack_.back().id);
    const uint64_t ns = end_of_calls.close ? last_ns + closed : last_ns;
    end(std::max(ns, stack_.back().start_ns), kRowUnfinished | kRowPinned, payload);
  }
}

Status ThreadRows::finish() {
  close_open_calls();
  folder_.finish();
  if (has_overview_) {
    overview_.finish();
  }
  VTN_TRY(rows_.flush());
  VTN_TRY(overview_rows_.flush());
  flush_values();
  flush_marks();
  run_.rows += row_count_;
  run_.kept_calls += kept_calls_;
  run_.folds += folds_;
  run_.folded_calls += folded_calls_;
  run_.folded_values += folded_values_;
  MutexLock lock(run_.mutex);
  run_.folded_of_function.resize(folded_of_function_.size());
  for (size_t i = 0; i < folded_of_function_.size(); ++i) {
    run_.folded_of_function[i] += folded_of_function_[i];
  }
  if (page_thread_ >= run_.rows_of_thread.size()) {
    run_.rows_of_thread.resize(page_thread_ + 1);
  }
  run_.rows_of_thread[page_thread_] = rows_.by_depth();
  if (spans_ != nullptr) {
    run_.spans.push_back(std::move(spans_));
  }
  return status_;
}

}  // namespace vtn::report

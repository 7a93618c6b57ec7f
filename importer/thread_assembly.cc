// SPDX-License-Identifier: Apache-2.0
#include "importer/thread_assembly.h"

#include <algorithm>

#include "spool/varint.h"

namespace vtn::importer {

namespace {

constexpr size_t kMostOpen = size_t{1} << 20;
constexpr size_t kMostRows = 256;  // of one thread; what fits none of them is cut

// The arguments at the front of a call's payload.
uint64_t take_arguments(std::string_view& payload, std::string_view& values) {
  spool::VarintReader from(payload.data(), payload.data() + payload.size());
  const uint64_t count = from.next();
  const uint64_t bytes = from.next();
  const auto at = static_cast<size_t>(from.at() - payload.data());
  if (from.failed() || bytes > payload.size() - at) {
    payload = {};
    return 0;
  }
  values = payload.substr(at, bytes);
  payload.remove_prefix(at + bytes);
  return count;
}

}  // namespace

Result<ThreadAssembly::Row*> ThreadAssembly::row(size_t at) {
  while (rows_.size() <= at) {
    VTN_ASSIGN(const auto made, context_.row(rows_.size()));
    rows_.push_back(std::make_unique<Row>(context_, made.first, made.second));
  }
  return rows_[at].get();
}

Status ThreadAssembly::end_top(Row& row, uint64_t ns, spool::OpCode how) {
  VTN_TRY(row.builder.ready());
  const Open& top = row.open.back();
  if (top.arguments != 0 && top.sequence != row.builder.sequence()) {
    row.builder.note(NoteKind::kArgumentsOfEnd, top.arguments, top.values);
  }
  if (!top.told.empty()) {
    row.builder.note(NoteKind::kNamedValues, 0, top.told);
  }
  if (!top.returned.empty()) {
    row.builder.note(NoteKind::kReturnValue, 0, top.returned);
  }
  row.builder.end(ns + context_.offset_ns, how);
  row.open.pop_back();
  return {};
}

// Ends what has ended by then. `next`: what begins then; null: a mark, or the thread's end.
Status ThreadAssembly::close_until(
    Row& row, uint64_t ns, bool mark, const Record* next, uint64_t order) {
  while (!row.open.empty()) {
    const Open& top = row.open.back();
    if (top.limit_ns > ns || (mark && top.limit_ns == ns)) {
      break;
    }
    // A call that took no time as its caller ended: it was told before that.
    if (next != nullptr && top.end_ns == ns && next->end_ns == ns && order < top.order &&
        next->kind == static_cast<uint32_t>(RecordKind::kCall)) {
      break;
    }
    const bool cut = top.end_ns == UINT64_MAX;
    context_.counts.cut += cut ? 1 : 0;
    VTN_TRY(end_top(row,
                    top.limit_ns,
                    cut           ? spool::kOpCut
                    : top.unwound ? spool::kOpUnwind
                                  : spool::kOpReturn));
  }
  return {};
}

Status ThreadAssembly::begin(const Record& record, uint64_t order, std::string_view payload) {
  const bool ends = record.kind == static_cast<uint32_t>(RecordKind::kCall);
  const uint64_t end_ns = ends ? std::max(record.end_ns, record.ns) : UINT64_MAX;
  for (size_t at = 0;; ++at) {
    VTN_ASSIGN(Row* const on, row(at));
    VTN_TRY(close_until(*on, record.ns, false, &record, order));
    const uint64_t limit_ns = on->open.empty() ? UINT64_MAX : on->open.back().limit_ns;
    if (!ends || end_ns <= limit_ns) {
      context_.counts.beside += at != 0 ? 1 : 0;
      return begin_on(*on, record, end_ns, order, payload);
    }
    if (end_ns - limit_ns <= kRoundingNs || at + 1 == kMostRows) {
      ++context_.counts.shortened;
      context_.counts.most_shortened_ns =
          std::max(context_.counts.most_shortened_ns, end_ns - limit_ns);
      return begin_on(*on, record, limit_ns, order, payload);
    }
  }
}

Status ThreadAssembly::begin_on(
    Row& row, const Record& record, uint64_t end_ns, uint64_t order, std::string_view payload) {
  if (row.open.size() >= kMostOpen) {
    ++context_.counts.too_deep;
    return {};
  }
  VTN_ASSIGN(const ImageFunction function, context_.function(record.name));
  VTN_TRY(row.builder.ready());
  Open open = {};
  open.end_ns = end_ns;
  open.limit_ns = row.open.empty() ? end_ns : std::min(end_ns, row.open.back().limit_ns);
  open.order = order;
  open.sequence = row.builder.sequence();
  open.unwound = record.unwound != 0;
  if (function.gap) {
    row.builder.gap(record.ns + context_.offset_ns, function.lost_events, function.gap_reason);
    row.open.push_back(std::move(open));
    return {};
  }
  if (!payload.empty()) {
    std::string_view values;
    open.arguments = take_arguments(payload, values);
    if (open.arguments != 0) {
      row.builder.note(NoteKind::kArguments, open.arguments, values);
      open.values = values;
    }
    open.returned = payload;
  }
  row.builder.begin(function.id, record.ns + context_.offset_ns, function.python, record.line);
  ++context_.counts.calls;
  row.open.push_back(std::move(open));
  return {};
}

ThreadAssembly::Open* ThreadAssembly::begun_of(Row& row) {
  const auto begun = std::find_if(row.open.rbegin(), row.open.rend(), [](const Open& open) {
    return open.end_ns == UINT64_MAX && !open.never_ends;
  });
  return begun == row.open.rend() ? nullptr : &*begun;
}

Status ThreadAssembly::told(const Record& record, std::string_view payload) {
  VTN_ASSIGN(Row* const on, row(0));
  VTN_TRY(close_until(*on, record.ns, true, nullptr, 0));
  if (Open* const begun = begun_of(*on); begun != nullptr) {
    begun->told = payload;
    begun->never_ends = record.unwound != 0;
  }
  return {};
}

// What is above it is over as well.
Status ThreadAssembly::end(const Record& record, std::string_view payload) {
  VTN_ASSIGN(Row* const on, row(0));
  VTN_TRY(close_until(*on, record.ns, true, nullptr, 0));
  const Open* const begun = begun_of(*on);
  if (begun == nullptr) {
    ++context_.counts.stray_ends;
    on->builder.stray_ends(1);
    return {};
  }
  for (auto above = &on->open.back() - begun; above > 0; --above) {
    const uint64_t limit_ns = on->open.back().limit_ns;
    if (limit_ns > record.ns) {
      ++context_.counts.shortened;
      context_.counts.most_shortened_ns =
          std::max(context_.counts.most_shortened_ns, limit_ns - record.ns);
    }
    VTN_TRY(end_top(*on, std::min(limit_ns, record.ns), spool::kOpReturn));
  }
  if (!payload.empty()) {
    on->open.back().returned = payload;
  }
  return end_top(*on, record.ns, spool::kOpReturn);
}

Status ThreadAssembly::take(const Record& record, uint64_t order, std::string_view payload) {
  const auto kind = static_cast<RecordKind>(record.kind);
  if (kind == RecordKind::kCall || kind == RecordKind::kBegin) {
    return begin(record, order, payload);
  }
  if (kind == RecordKind::kTold) {
    return told(record, payload);
  }
  if (kind == RecordKind::kEnd) {
    return end(record, payload);
  }
  VTN_ASSIGN(Row* const on, row(0));
  VTN_TRY(close_until(*on, record.ns, true, nullptr, 0));
  if (kind == RecordKind::kRenamed) {
    VTN_TRY(on->builder.ready());
    on->builder.note(NoteKind::kThreadName, 0, payload);
    return {};
  }
  VTN_ASSIGN(const ImageFunction name, context_.function(record.name));
  VTN_TRY(on->builder.ready());
  on->builder.mark(kind == RecordKind::kCounter     ? NoteKind::kCounter
                   : kind == RecordKind::kSpan      ? NoteKind::kSpan
                   : kind == RecordKind::kSpanBegin ? NoteKind::kSpanBegin
                                                    : NoteKind::kInstant,
                   name.id,
                   record.ns + context_.offset_ns,
                   payload);
  return {};
}

Status ThreadAssembly::finish() {
  for (const auto& row : rows_) {
    VTN_TRY(close_until(*row, UINT64_MAX - 1, false, nullptr, 0));
    VTN_TRY(row->builder.flush());
    context_.counts.moved.stamps += row->builder.moved().stamps;
    context_.counts.moved.most_ticks =
        std::max(context_.counts.moved.most_ticks, row->builder.moved().most_ticks);
    for (size_t depth = 0; depth < row->open.size(); ++depth) {
      const Open& open = row->open[depth];
      const spool::OpenValuesFrame frame = {context_.image,
                                            row->thread,
                                            static_cast<uint32_t>(depth),
                                            static_cast<uint32_t>(open.arguments)};
      if (open.arguments != 0) {
        VTN_TRY(
            context_.writer.append_struct(spool::FrameKind::kOpenArguments, frame, open.values));
      }
      if (!open.told.empty()) {
        VTN_TRY(
            context_.writer.append_struct(spool::FrameKind::kOpenNamedValues, frame, open.told));
      }
    }
  }
  return {};
}

}  // namespace vtn::importer

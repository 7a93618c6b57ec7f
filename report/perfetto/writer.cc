// SPDX-License-Identifier: Apache-2.0
//
// The file around the events: clocks, what the run was, processes and threads; all before the first
// event, on a sequence of their own with absolute stamps.
#include "report/perfetto/writer.h"

#include <algorithm>
#include <unordered_set>

#include <time.h>

#include <fmt/format.h>

#include "base/utf8.h"
#include "report/left_out.h"
#include "report/marks.h"
#include "report/perfetto/categories.h"
#include "report/perfetto/clock_choice.h"
#include "report/perfetto/events.h"
#include "report/perfetto/tree.h"
#include "report/pieces.h"
#include "report/text.h"

namespace vtn::report {

using namespace perfetto;  // field numbers

namespace {

constexpr uint64_t kBytesPerOp = 15;

ProtoMessage clock_reading(uint32_t clock, uint64_t ns, bool incremental = false) {
  ProtoMessage reading;
  reading.number(kClockId, clock).number(kClockTime, ns);
  if (incremental) {
    reading.number(kClockIsIncremental, 1);
  }
  return reading;
}

// "2026-11-26T13:05:00Z"
std::string utc_text(uint64_t realtime_ns) {
  const auto seconds = static_cast<time_t>(realtime_ns / 1'000'000'000);
  struct tm parts = {};
  char text[32] = "";
  if (gmtime_r(&seconds, &parts) != nullptr) {
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  }
  return text;
}

// A text that names at most so many of a list, and how many there are beyond.
template <class List, class Line>
std::string lines_of(const List& list, const Line& line) {
  constexpr size_t kMostLines = 2000;
  std::string text;
  for (size_t i = 0; i < std::min(list.size(), kMostLines); ++i) {
    text += (i == 0 ? "" : "\n") + line(list[i]);
  }
  if (list.size() > kMostLines) {
    text += fmt::format("\nand {} more", list.size() - kMostLines);
  }
  return text;
}

// What was asked not to be recorded.
void append_left_out(ProtoMessage& attributes, const PerfettoLayout& layout) {
  const std::string with = recorded_with(layout.model);
  if (!with.empty()) {
    append_attribute(attributes, "recorded_with", valid_utf8(with));
  }
  const LeftOut left_out = left_out_of(layout.model, layout.clock);
  if (!left_out.limited.empty()) {
    append_attribute(attributes, "calls_left_out", std::to_string(left_out.calls));
    append_attribute(
        attributes, "left_out", lines_of(left_out.limited, [&](const LeftOutFunction& one) {
          return fmt::format("{}: {} calls, {} ns{}",
                             display_name(one.function, 0),
                             one.calls,
                             one.total_ns,
                             one.counted_from_ns == 0
                                 ? ""
                                 : ", counted " + left_out.since_text(one.counted_from_ns));
        }));
  }
  if (!left_out.marks.empty()) {
    append_attribute(attributes, "marks_left_out", std::to_string(left_out.all_marks));
    append_attribute(
        attributes, "left_out_marks", lines_of(left_out.marks, [&](const LeftOutFunction& one) {
          return fmt::format("{}: {} marks, counted {}",
                             display_name(one.function, 0),
                             one.calls,
                             left_out.since_text(one.counted_from_ns));
        }));
  }
  if (!left_out.hidden.empty()) {
    append_attribute(attributes, "functions_not_recorded", std::to_string(left_out.hidden.size()));
    append_attribute(attributes,
                     "not_recorded",
                     lines_of(left_out.hidden, [](const spool::FunctionInfo* function) {
                       return display_name(function, 0);
                     }));
  }
  const std::vector<DroppedCalls> dropped =
      dropped_calls_of(layout.model, layout.picture.tree, layout.clock);
  if (!dropped.empty()) {
    append_attribute(attributes, "dropped_for_newer_calls", lines_of(dropped, dropped_text));
  }
  const std::vector<SwitchedOffFunction> off =
      switched_off_of(layout.model, layout.picture.tree, layout.clock);
  if (!off.empty()) {
    append_attribute(attributes, "switched_off", lines_of(off, switched_off_text));
  }
}

// All clocks of the file, on the sequence that has the incremental ones.
void append_clocks(std::string& to, const PerfettoLayout& layout) {
  ProtoMessage clocks;
  clocks.message(kSnapshotClock, clock_reading(kClockMonotonic, layout.start_ns));
  if (layout.clock.realtime_base_ns() != 0) {
    clocks.message(
        kSnapshotClock,
        clock_reading(kClockRealtime, layout.start_ns + layout.clock.realtime_base_ns()));
  }
  for (const uint32_t clock : layout.clocks) {
    if (clock != 0) {
      clocks.message(kSnapshotClock, clock_reading(clock, layout.start_ns, true));
    }
  }
  clocks.number(kSnapshotPrimary, kClockMonotonic);
  ProtoMessage packet;
  packet.number(kSequenceFlags, kStateCleared).message(kClockSnapshot, clocks);
  append_packet(to, kCallsSequence, packet);
}

void append_run(std::string& to, const PerfettoLayout& layout) {
  const spool::Model& model = layout.model;
  ProtoMessage meta;
  meta.number(kSequenceFlags, kStateCleared);
  if (layout.sets_clocks) {
    append_clocks(to, layout);
    meta.message(kDefaults, ProtoMessage().number(kTimestampClock, kClockMonotonic));
  }
  meta.bytes(kInternedData, Categories().start());
  append_packet(to, kMetaSequence, meta);

  const spool::Totals totals = spool::totals_of(model);
  ProtoMessage attributes;
  append_attribute(attributes, "recorded_by", "viztracer-native " + valid_utf8(model.version));
  append_attribute(attributes, "command", valid_utf8(model.command_line));
  if (const uint64_t base_ns = layout.clock.realtime_base_ns(); base_ns != 0) {
    append_attribute(attributes, "started_at", utc_text(layout.start_ns + base_ns));
  }
  append_attribute(attributes, "calls", std::to_string(totals.calls));
  if (model.folded.below_ns != 0) {
    append_attribute(attributes,
                     "folded",
                     fmt::format("{} calls that took less than {} ns, in {} slices",
                                 model.folded.calls,
                                 model.folded.below_ns,
                                 model.folded.folds));
  }
  append_attribute(attributes, "events_lost", std::to_string(totals.lost_events));
  append_left_out(attributes, layout);
  append_ledger(attributes, layout);
  for (uint32_t i = 0; i < model.threads.size(); ++i) {
    const spool::ThreadInfo& thread = model.threads[i];
    const std::vector<std::string> names = thread_names(model.images[thread.image], thread);
    if (names.size() > 1) {
      append_attribute(attributes,
                       fmt::format("names of thread {}", layout.picture.shown_tid(i)),
                       fmt::format("{}", fmt::join(names, ", ")));
    }
  }
  append_packet(to, kMetaSequence, ProtoMessage().message(kTraceAttributes, attributes));

  ProtoMessage uuid;
  uuid.number(kUuidLow, model.header.trace_id).number(kUuidHigh, model.header.created_realtime_ns);
  append_packet(to, kMetaSequence, ProtoMessage().message(kTraceUuid, uuid));
}

void append_threads(std::string& to, const PerfettoLayout& layout) {
  const spool::Model& model = layout.model;
  std::unordered_set<uint64_t> described;
  for (uint32_t i = 0; i < model.threads.size(); ++i) {
    const spool::ThreadInfo& thread = model.threads[i];
    const spool::ImageInfo& image = model.images[thread.image];
    const std::string name = thread_name(image, thread);
    const uint64_t start_ns = layout.clock.to_ns(thread.first_ticks);
    const std::vector<PerfettoTrack>& tracks = layout.tracks[i];
    ProtoMessage ids;
    ids.number(kThreadPid, layout.picture.shown_pid(thread.image))
        .number(kThreadTid, layout.picture.shown_tid(i))
        .bytes(kThreadName, name);
    ProtoMessage descriptor;
    descriptor.number(kTrackUuid, tracks[0].uuid).message(kTrackThread, ids);
    if (described.insert(tracks[0].uuid).second) {
      append_meta(to, start_ns, kTrackDescriptor, descriptor);
    }
    for (size_t level = 1; level < tracks.size(); ++level) {
      if (!described.insert(tracks[level].uuid).second) {
        continue;
      }
      ProtoMessage deeper;
      deeper.number(kTrackUuid, tracks[level].uuid)
          .number(kTrackParent, tracks[0].uuid)
          .bytes(kTrackName, deep_track_name(name, level * kTrackDepth))
          .number(kTrackMerge, kMergeNever);
      append_meta(to, start_ns, kTrackDescriptor, deeper);
    }
  }
}

// One for each number that a program's marks count.
void append_counters(std::string& to, const PerfettoLayout& layout) {
  for (const spool::ImageInfo& image : layout.model.images) {
    for (uint32_t id = 0; id < image.function_of_id.size(); ++id) {
      const spool::FunctionInfo* const name = image.function(id);
      if (name == nullptr || name->kind != FunctionKind::kCounter) {
        continue;
      }
      ProtoMessage track;
      track.number(kTrackUuid, layout.counter_uuid(image.image, id))
          .number(kTrackParent, layout.process_uuid(layout.picture.of_image(image.image).number))
          .bytes(kTrackName, valid_utf8(name->name))
          .message(kTrackCounter, ProtoMessage());
      append_meta(to, layout.start_ns, kTrackDescriptor, track);
    }
  }
}

void append_losses(std::string& to, const PerfettoLayout& layout) {
  for (const UntoldLoss& loss : untold_losses(layout.model, layout.clock)) {
    const uint64_t uuid = layout.loss_uuid(loss.image);
    ProtoMessage track;
    track.number(kTrackUuid, uuid)
        .number(kTrackParent, layout.process_uuid(layout.picture.of_image(loss.image).number))
        .bytes(kTrackName, kLossTrackName);
    append_meta(to, loss.start_ns, kTrackDescriptor, track);
    ProtoMessage begin;
    begin.number(kEventType, kSliceBegin).number(kEventTrack, uuid).bytes(kEventName, loss.name);
    append_meta(to, loss.start_ns, kTrackEvent, begin);
    ProtoMessage end;
    end.number(kEventType, kSliceEnd).number(kEventTrack, uuid);
    append_meta(to, loss.end_ns, kTrackEvent, end);
  }
}

// Calls that were open before the first frame, of threads that have none to begin them.
Status append_open(std::string& to, const PerfettoLayout& layout) {
  OpenSpans none;
  PerfettoPieceMaker maker(layout, none);
  ByteBuffer bytes;
  for (const auto& [thread, offset] : layout.begins_before) {
    if (offset == PerfettoLayout::kNoFrame) {
      VTN_TRY(maker.encode_open(thread, bytes));
    }
  }
  to += bytes.view();
  return {};
}

// Calls that an exec, a new thread or the end of their process cut. All others stay open.
std::string closing_text(const PerfettoLayout& layout) {
  const spool::Model& model = layout.model;
  ProtoMessage unfinished;
  unfinished.bytes(kNoteName, "unfinished").number(kNoteBool, 1);
  std::string text;
  for (size_t i = 0; i < model.threads.size(); ++i) {
    if (!layout.picture.ends[i].close) {
      continue;
    }
    const std::vector<PerfettoTrack>& tracks = layout.tracks[i];
    uint64_t ns = layout.picture.ends[i].first_ns;
    for (size_t depth = model.threads[i].open.size(); depth-- > 0; ++ns) {
      ProtoMessage end;
      end.number(kEventType, kSliceEnd)
          .number(kEventTrack, tracks[std::min(depth / kTrackDepth, tracks.size() - 1)].uuid)
          .message(kAnnotation, unfinished);
      if (const OpenCallValues told(
              model.images[model.threads[i].image], model.threads[i].thread, depth);
          told.has_named) {
        end.message(kAnnotation, arguments_annotation(named_texts(told.named)));
      }
      append_meta(text, ns, kTrackEvent, end);
    }
  }
  return text;
}

// Spans that never ended, each on a track of its own, as those are that did.
std::string open_spans_text(const PerfettoLayout& layout, const OpenSpans& spans) {
  std::string text;
  for (const OpenSpan& span : spans.left()) {
    const auto id = static_cast<uint32_t>(span.key);
    const spool::ImageInfo& image = layout.model.images[span.image];
    const Instant what = instant_of(span.note(), image.function(id));
    const uint64_t uuid = layout.span_uuid(span.image, id, span.ticks);
    const uint64_t begin_ns = layout.clock.to_ns(span.ticks);
    ProtoMessage track;
    track.number(kTrackUuid, uuid)
        .number(kTrackParent, layout.tracks[span.thread][0].uuid)
        .bytes(kTrackName, span_track_name(what));
    append_meta(text, begin_ns, kTrackDescriptor, track);
    ProtoMessage begin;
    begin.number(kEventType, kSliceBegin).number(kEventTrack, uuid).bytes(kEventName, what.name);
    for (const auto& [key, value] : what.values) {
      begin.message(kAnnotation, ProtoMessage().bytes(kNoteName, key).bytes(kNoteText, value));
    }
    append_meta(text, begin_ns, kTrackEvent, begin);
  }
  return text;
}

}  // namespace

Result<std::string> perfetto_head(const PerfettoLayout& layout) {
  std::string head;
  append_run(head, layout);
  append_processes(head, layout);
  append_threads(head, layout);
  append_programs(head, layout);
  append_counters(head, layout);
  append_losses(head, layout);
  VTN_TRY(append_open(head, layout));
  return head;
}

Status write_perfetto(const spool::Reader& spool, const WriteRequest& request) {
  const spool::Model& model = spool.model();
  const spool::ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  PerfettoLayout layout(model, clock, request.settings.python_only);
  VTN_TRY(choose_clocks(spool, layout));
  VTN_ASSIGN(OutputFile output, OutputFile::create(request.path));
  VTN_ASSIGN(const std::string head, perfetto_head(layout));
  TextOutput text(request.gzip, output);
  VTN_TRY(text.append(head));
  VTN_TRY(text.flush());
  OpenSpans spans;
  VTN_TRY(write_frames(
      spool,
      request,
      kBytesPerOp,
      [&] { return std::make_unique<PerfettoPieceMaker>(layout, spans); },
      output));
  VTN_TRY(text.append(closing_text(layout) + open_spans_text(layout, spans)));
  VTN_TRY(text.flush());
  return output.commit();
}

}  // namespace vtn::report

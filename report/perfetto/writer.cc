// SPDX-License-Identifier: Apache-2.0
//
// The file around the events: clocks, what the run was, processes and threads; all before the first
// event, on a sequence of their own with absolute stamps.
#include "report/perfetto/writer.h"

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "base/utf8.h"
#include "report/left_out.h"
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

void append_run(std::string& to, const PerfettoLayout& layout) {
  const spool::Model& model = layout.model;
  ProtoMessage clocks;
  clocks.message(kSnapshotClock, clock_reading(kClockMonotonic, layout.start_ns));
  if (layout.clock.realtime_base_ns() != 0) {
    clocks.message(
        kSnapshotClock,
        clock_reading(kClockRealtime, layout.start_ns + layout.clock.realtime_base_ns()));
  }
  clocks.number(kSnapshotPrimary, kClockMonotonic);
  ProtoMessage first;
  first.number(kSequenceFlags, kStateCleared).message(kClockSnapshot, clocks);
  append_packet(to, kMetaSequence, first);

  const spool::Totals totals = spool::totals_of(model);
  ProtoMessage attributes;
  append_attribute(attributes, "recorded_by", "viztracer-native " + valid_utf8(model.version));
  append_attribute(attributes, "command", valid_utf8(model.command_line));
  append_attribute(attributes, "calls", std::to_string(totals.calls));
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
    if (layout.incremental(i)) {
      // The trace clock must never go backwards from one snapshot to the next: all say the start.
      ProtoMessage clocks;
      clocks.message(kSnapshotClock, clock_reading(kClockMonotonic, layout.start_ns))
          .message(kSnapshotClock, clock_reading(kClockIncremental, layout.start_ns, true));
      ProtoMessage packet;
      packet.number(kSequenceFlags, kStateCleared).message(kClockSnapshot, clocks);
      append_packet(to, tracks[0].sequence, packet);
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
  PerfettoPieceMaker maker(layout);
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
  ProtoMessage end;
  end.number(kEventType, kSliceEnd).message(kAnnotation, unfinished);
  std::string text;
  for (size_t i = 0; i < model.threads.size(); ++i) {
    if (!layout.picture.ends[i].close) {
      continue;
    }
    const std::vector<PerfettoTrack>& tracks = layout.tracks[i];
    uint64_t last_ns = layout.clock.to_ns(model.threads[i].last_op_ticks);
    uint64_t ns = layout.picture.ends[i].first_ns;
    for (size_t depth = model.threads[i].open.size(); depth-- > 0; ++ns) {
      ProtoMessage packet;
      packet.number(kTimestamp, layout.incremental(static_cast<uint32_t>(i)) ? ns - last_ns : ns)
          .number(kSequenceFlags, kNeedsState)
          .message(kTrackEvent, end);
      append_packet(
          text, tracks[std::min(depth / kTrackDepth, tracks.size() - 1)].sequence, packet);
      last_ns = ns;
    }
  }
  return text;
}

}  // namespace

Status write_perfetto(const spool::Reader& spool, const WriteRequest& request) {
  const spool::Model& model = spool.model();
  const spool::ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  const PerfettoLayout layout(model, clock, request.settings.python_only);
  VTN_ASSIGN(OutputFile output, OutputFile::create(request.path));
  std::string head;
  append_run(head, layout);
  append_processes(head, layout);
  append_threads(head, layout);
  append_programs(head, layout);
  append_counters(head, layout);
  append_losses(head, layout);
  VTN_TRY(append_open(head, layout));
  TextOutput text(request.gzip, output);
  VTN_TRY(text.append(head));
  VTN_TRY(text.flush());
  VTN_TRY(write_frames(
      spool,
      request,
      kBytesPerOp,
      [&] { return std::make_unique<PerfettoPieceMaker>(layout); },
      output));
  VTN_TRY(text.append(closing_text(layout)));
  VTN_TRY(text.flush());
  return output.commit();
}

}  // namespace vtn::report

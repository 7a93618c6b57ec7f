// SPDX-License-Identifier: Apache-2.0
//
// The file around the events: clocks, what the run was, processes and threads; all before the first
// event, on a sequence of their own with absolute stamps.
#include <algorithm>

#include <fmt/format.h>

#include "report/perfetto_events.h"
#include "report/report_writer.h"
#include "report/text.h"

namespace vtn {

using namespace perfetto;  // field numbers

namespace {

constexpr uint32_t kMetaSequence = 1;

ProtoMessage clock_reading(uint32_t clock, uint64_t ns, bool incremental = false) {
  ProtoMessage reading;
  reading.number(1, clock).number(2, ns);
  if (incremental) {
    reading.number(3, 1);
  }
  return reading;
}

void append_attribute(ProtoMessage& attributes, std::string_view key, std::string_view value) {
  ProtoMessage attribute;
  attribute.bytes(1, key).bytes(3, value);
  attributes.message(1, attribute);
}

void append_run(std::string& to, const PerfettoLayout& layout) {
  const TraceModel& model = layout.model;
  ProtoMessage clocks;
  clocks.message(1, clock_reading(kClockMonotonic, layout.start_ns));
  if (layout.clock.realtime_base_ns() != 0) {
    clocks.message(
        1, clock_reading(kClockRealtime, layout.start_ns + layout.clock.realtime_base_ns()));
  }
  clocks.number(2, kClockMonotonic);
  ProtoMessage first;
  first.number(kSequenceFlags, kStateCleared).message(kClockSnapshot, clocks);
  append_packet(to, kMetaSequence, first);

  const TraceTotals totals = totals_of(model);
  ProtoMessage attributes;
  append_attribute(attributes, "recorded_by", "viztracer-native " + valid_utf8(model.version));
  append_attribute(attributes, "command", valid_utf8(model.command_line));
  append_attribute(attributes, "calls", std::to_string(totals.calls));
  append_attribute(attributes, "events_lost", std::to_string(totals.lost_events));
  append_packet(to, kMetaSequence, ProtoMessage().message(kTraceAttributes, attributes));

  ProtoMessage uuid;
  uuid.number(1, model.header.trace_id).number(2, model.header.created_realtime_ns);
  append_packet(to, kMetaSequence, ProtoMessage().message(kTraceUuid, uuid));
}

void append_descriptor(std::string& to, uint64_t ns, const ProtoMessage& descriptor) {
  ProtoMessage packet;
  packet.number(kTimestamp, ns)
      .number(kTimestampClock, kClockMonotonic)
      .message(kTrackDescriptor, descriptor);
  append_packet(to, kMetaSequence, packet);
}

void append_processes(std::string& to, const PerfettoLayout& layout) {
  for (const ImageInfo& image : layout.model.images) {
    const uint64_t start_ns = layout.clock.to_ns(image.start_ticks);
    ProtoMessage process;
    process.number(1, image.pid);
    for (const std::string& argument : image.argv) {
      process.bytes(2, valid_utf8(argument));
    }
    process.bytes(6, process_name(image)).number(7, start_ns);
    ProtoMessage descriptor;
    descriptor.number(1, layout.process_uuid(image.image)).message(3, process);
    append_descriptor(to, start_ns, descriptor);
  }
}

void append_threads(std::string& to, const PerfettoLayout& layout) {
  const TraceModel& model = layout.model;
  for (size_t i = 0; i < model.threads.size(); ++i) {
    const ThreadInfo& thread = model.threads[i];
    const ImageInfo& image = model.images[thread.image];
    const std::string name = thread_name(image, thread);
    const uint64_t start_ns = layout.clock.to_ns(thread.first_ticks);
    const std::vector<PerfettoTrack>& tracks = layout.tracks[i];
    ProtoMessage ids;
    ids.number(1, image.pid).number(2, thread.tid).bytes(5, name);
    ProtoMessage descriptor;
    descriptor.number(1, tracks[0].uuid).message(4, ids);
    append_descriptor(to, start_ns, descriptor);
    for (size_t level = 1; level < tracks.size(); ++level) {
      ProtoMessage deeper;
      deeper.number(1, tracks[level].uuid)
          .number(5, tracks[0].uuid)
          .bytes(2, fmt::format("{} (deeper than {})", name, level * kTrackDepth))
          .number(15, 2);  // never merged with another track of that name
      append_descriptor(to, start_ns, deeper);
    }
    if (tracks.size() == 1) {
      // The trace clock must never go backwards from one snapshot to the next: all say the start.
      ProtoMessage clocks;
      clocks.message(1, clock_reading(kClockMonotonic, layout.start_ns))
          .message(1, clock_reading(kClockIncremental, layout.start_ns, true));
      ProtoMessage packet;
      packet.number(kSequenceFlags, kStateCleared).message(kClockSnapshot, clocks);
      append_packet(to, tracks[0].sequence, packet);
    }
  }
}

void append_losses(std::string& to, const PerfettoLayout& layout) {
  for (const UntoldLoss& loss : untold_losses(layout.model, layout.clock)) {
    const uint64_t uuid = layout.loss_uuid(loss.image);
    ProtoMessage track;
    track.number(1, uuid).number(5, layout.process_uuid(loss.image)).bytes(2, kLossTrackName);
    append_descriptor(to, loss.start_ns, track);
    for (const bool begin : {true, false}) {
      ProtoMessage event;
      event.number(9, begin ? 1 : 2).number(11, uuid);
      if (begin) {
        event.bytes(23, loss.name);
      }
      ProtoMessage packet;
      packet.number(kTimestamp, begin ? loss.start_ns : loss.end_ns)
          .number(kTimestampClock, kClockMonotonic)
          .message(kTrackEvent, event);
      append_packet(to, kMetaSequence, packet);
    }
  }
}

// Calls that something followed on their track: they are over. All others stay open.
std::string closing_text(const PerfettoLayout& layout) {
  const TraceModel& model = layout.model;
  const std::vector<ThreadEnd> ends = thread_ends(model, layout.clock);
  std::string text;
  for (size_t i = 0; i < model.threads.size(); ++i) {
    if (!ends[i].close) {
      continue;
    }
    const std::vector<PerfettoTrack>& tracks = layout.tracks[i];
    uint64_t last_ns = layout.clock.to_ns(model.threads[i].last_op_ticks);
    uint64_t ns = ends[i].first_ns;
    for (size_t depth = model.threads[i].open.size(); depth-- > 0; ++ns) {
      ProtoMessage event;
      event.number(9, 2);
      ProtoMessage packet;
      packet.number(kTimestamp, tracks.size() == 1 ? ns - last_ns : ns)
          .number(kSequenceFlags, kNeedsState)
          .message(kTrackEvent, event);
      append_packet(
          text, tracks[std::min(depth / kTrackDepth, tracks.size() - 1)].sequence, packet);
      last_ns = ns;
    }
  }
  return text;
}

}  // namespace

Status write_perfetto(const SpoolReader& spool, const ReportOptions& options) {
  const TraceModel& model = spool.model();
  const ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  const PerfettoLayout layout(model, clock);
  VTN_ASSIGN(OutputFile output, OutputFile::create(options.path));
  std::string head;
  append_run(head, layout);
  append_processes(head, layout);
  append_threads(head, layout);
  append_losses(head, layout);
  VTN_TRY(write_text(head, options.gzip, output));
  VTN_TRY(write_frames(
      spool, options, [&] { return std::make_unique<PerfettoPieceMaker>(layout); }, output));
  if (const std::string closing = closing_text(layout); !closing.empty()) {
    VTN_TRY(write_text(closing, options.gzip, output));
  }
  return output.commit();
}

}  // namespace vtn

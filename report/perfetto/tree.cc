// SPDX-License-Identifier: Apache-2.0
#include "report/perfetto/tree.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/file.h"
#include "base/utf8.h"
#include "report/perfetto/categories.h"
#include "report/text.h"

namespace vtn::report {

using namespace perfetto;  // field numbers

namespace {

constexpr auto kCategory = static_cast<uint32_t>(PerfettoCategory::kProcess);

ProtoMessage annotation(const Remark& remark) {
  ProtoMessage message;
  message.bytes(kNoteName, remark.key);
  switch (remark.kind) {
    case Remark::kText:
      message.bytes(kNoteText, valid_utf8(remark.values.front()));
      break;
    case Remark::kNumber:
      message.number(kNoteNumber, std::stoull(remark.values.front()));
      break;
    case Remark::kList:
      for (const std::string& value : remark.values) {
        message.message(kNoteEntry, ProtoMessage().bytes(kNoteText, valid_utf8(value)));
      }
      break;
  }
  return message;
}

void append_track(std::string& to,
                  const PerfettoLayout& layout,
                  uint32_t process,
                  uint64_t uuid,
                  uint64_t parent,
                  const char* name) {
  ProtoMessage track;
  track.number(kTrackUuid, uuid).number(kTrackParent, parent).bytes(kTrackName, name);
  append_meta(to, layout.picture.processes[process].start_ns, kTrackDescriptor, track);
}

// On the track of the thread that it comes from; where the call there may be too deep for it, on
// one beside that.
uint64_t source_of(const PerfettoLayout& layout, const Picture::Arrow& arrow) {
  if (arrow.thread == kNothing) {
    return layout.main_lines[arrow.parent];
  }
  const std::vector<PerfettoTrack>& tracks = layout.tracks[arrow.thread];
  return tracks.size() == 1 ? tracks[0].uuid : layout.starts_uuid(arrow.thread);
}

void append_arrow(std::string& to,
                  const PerfettoLayout& layout,
                  const Picture::Arrow& arrow,
                  uint64_t source) {
  const Remark pid = {
      "pid", Remark::kNumber, {std::to_string(layout.picture.info(arrow.child).shown_pid)}};
  ProtoMessage event;
  event.number(kEventType, kInstant)
      .number(kEventTrack, source)
      .number(kEventCategoryIid, kCategory)
      .bytes(kEventName, arrow_name(layout.picture, arrow))
      .message(kAnnotation, annotation(pid))
      .fixed64(kFlow, layout.picture.flow_id(arrow));
  append_meta(to, arrow.ns, kTrackEvent, event);
}

// What nobody who looks at the calls would see: on the bar of a program that has none it is said.
void append_bad_end(
    std::string& to, const PerfettoLayout& layout, uint32_t process, uint64_t uuid, uint64_t ns) {
  const std::string text = bad_end_text(layout.picture.info(process));
  if (text.empty()) {
    return;
  }
  ProtoMessage event;
  event.number(kEventType, kInstant)
      .number(kEventTrack, uuid)
      .number(kEventCategoryIid, kCategory)
      .bytes(kEventName, text);
  append_meta(to, ns, kTrackEvent, event);
}

}  // namespace

void append_attribute(ProtoMessage& attributes, std::string_view key, std::string_view value) {
  ProtoMessage attribute;
  attribute.bytes(kAttributeKey, key).bytes(kAttributeText, value);
  attributes.message(kAttribute, attribute);
}

void append_ledger(ProtoMessage& attributes, const PerfettoLayout& layout) {
  const std::vector<ProcessInfo>& processes = layout.picture.tree.processes;
  const auto traced = std::count_if(
      processes.begin(), processes.end(), [](const ProcessInfo& info) { return info.traced(); });
  append_attribute(attributes, "processes", std::to_string(processes.size()));
  append_attribute(attributes, "processes_traced", std::to_string(traced));
  if (const size_t shown = layout.picture.order.size(); shown != processes.size()) {
    append_attribute(attributes, "processes_not_shown", std::to_string(processes.size() - shown));
  }
  if (const uint32_t unknown = layout.model.run_end.unslotted; unknown != 0) {
    append_attribute(attributes, "processes_unknown", std::to_string(unknown));
  }
  for (const uint32_t number : layout.picture.tree.order) {
    const ProcessInfo& info = processes[number];
    std::string notices;
    for (const uint32_t image : info.images) {
      for (const std::string& notice : notices_of(layout.model.images[image])) {
        notices += (notices.empty() ? "" : "; ") + notice;
      }
    }
    if (!notices.empty()) {
      append_attribute(attributes, fmt::format("notices of process {}", info.shown_pid), notices);
    }
    if (info.python && !info.traced()) {
      append_attribute(attributes,
                       fmt::format("process {}", info.shown_pid),
                       valid_utf8(fmt::format("{}: {}", info.name, ledger_text(info))));
    }
  }
}

void append_processes(std::string& to, const PerfettoLayout& layout) {
  // Processes stand in the order of their ranks.
  append_meta(to,
              layout.start_ns,
              kTrackDescriptor,
              ProtoMessage().number(kTrackUuid, 0).number(kTrackProcessOrder, kOrderByRank));
  for (const uint32_t number : layout.picture.order) {
    const ProcessInfo& info = layout.picture.info(number);
    const uint64_t start_ns = layout.picture.processes[number].start_ns;
    ProtoMessage process;
    process.number(kProcessPid, info.shown_pid);
    for (const std::string& argument : info.argv) {
      process.bytes(kProcessArgument, valid_utf8(argument));
    }
    process.number(kProcessSortIndex, info.order)
        .bytes(kProcessName, valid_utf8(info.name))
        .number(kProcessStart, start_ns);
    ProtoMessage descriptor;
    descriptor.number(kTrackUuid, layout.process_uuid(number))
        .message(kTrackProcess, process)
        .number(kTrackRank, info.order);
    append_meta(to, start_ns, kTrackDescriptor, descriptor);
    const std::vector<Picture::Program>& programs = layout.picture.processes[number].programs;
    if (std::any_of(programs.begin(), programs.end(), [&](const Picture::Program& program) {
          return layout.has_own_lines(number, program);
        })) {
      append_track(to,
                   layout,
                   number,
                   layout.programs_uuid(number),
                   layout.process_uuid(number),
                   kProgramsTrackName);
    }
    if (layout.picture.processes[number].main_thread == kNothing) {
      ProtoMessage thread;
      thread.number(kThreadPid, info.shown_pid).number(kThreadTid, info.shown_pid);
      if (!info.argv.empty()) {
        thread.bytes(kThreadName, valid_utf8(name_of(info.argv[0])));
      }
      ProtoMessage line;
      line.number(kTrackUuid, layout.main_lines[number]).message(kTrackThread, thread);
      append_meta(to, start_ns, kTrackDescriptor, line);
    }
  }
}

void append_programs(std::string& to, const PerfettoLayout& layout) {
  const Picture& picture = layout.picture;
  std::vector<uint64_t> flows(picture.processes.size());
  std::vector<bool> has_starts(layout.model.threads.size());
  for (const Picture::Arrow& arrow : picture.arrows) {
    const uint64_t source = source_of(layout, arrow);
    if (arrow.thread != kNothing && source == layout.starts_uuid(arrow.thread) &&
        !has_starts[arrow.thread]) {
      has_starts[arrow.thread] = true;
      append_track(
          to, layout, arrow.parent, source, layout.tracks[arrow.thread][0].uuid, kStartsTrackName);
    }
    if (!picture.processes[arrow.child].programs.empty()) {
      append_arrow(to, layout, arrow, source);
      flows[arrow.child] = picture.flow_id(arrow);
    }
  }
  for (const uint32_t number : picture.order) {
    bool first = true;
    for (const Picture::Program& program : picture.processes[number].programs) {
      const uint64_t uuid = layout.has_own_lines(number, program) ? layout.programs_uuid(number)
                                                                  : layout.main_lines[number];
      ProtoMessage begin;
      begin.number(kEventType, kSliceBegin)
          .number(kEventTrack, uuid)
          .number(kEventCategoryIid, kCategory)
          .bytes(kEventName, program.what.name.empty() ? "(unknown)" : program.what.name);
      for (const Remark& remark : remarks_on(picture, number, program)) {
        begin.message(kAnnotation, annotation(remark));
      }
      if (first && flows[number] != 0 && !layout.leads_to_call[number]) {
        begin.fixed64(kFlowEnd, flows[number]);
      }
      first = false;
      // One ends where the next begins: no two stamps of a track are the same.
      append_meta(to, program.start_ns, kTrackEvent, begin);
      if (!program.open) {
        ProtoMessage end;
        end.number(kEventType, kSliceEnd).number(kEventTrack, uuid);
        append_meta(to, program.last ? program.end_ns : program.end_ns - 1, kTrackEvent, end);
      }
      if (program.last && layout.has_own_lines(number, program)) {
        append_bad_end(to, layout, number, uuid, program.end_ns);
      }
    }
  }
}

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
//
// The file around the events: names of processes and threads, calls that never ended, metadata and
// sources. The keys are those that VizTracer's viewer and scripts look for; what is ours alone is
// in "viztracer_native".
#include <algorithm>

#include <sys/wait.h>

#include <fmt/format.h>

#include "report/json_events.h"
#include "report/report_writer.h"
#include "report/source_files.h"
#include "report/text.h"

namespace vtn {

namespace {

void append_name_event(
    std::string& to, const char* what, uint32_t pid, uint32_t tid, std::string_view name) {
  to += fmt::format(
      "{}{{\"ph\":\"M\",\"pid\":{},\"tid\":{},\"name\":\"{}\",\"args\":{{\"name\":{}}}}}",
      to.back() == '[' ? "\n" : ",\n",
      pid,
      tid,
      what,
      json_quoted(name));
}

std::string deep_name(const std::string& name, size_t level) {
  return fmt::format("{} (deeper than {})", name, level * kTrackDepth);
}

std::string head_text(const JsonLayout& layout) {
  const TraceModel& model = layout.model;
  std::string text = "{\"traceEvents\":[";
  for (const ImageInfo& image : model.images) {
    append_name_event(text, "process_name", image.pid, image.pid, process_name(image));
  }
  for (size_t i = 0; i < model.threads.size(); ++i) {
    const ThreadInfo& thread = model.threads[i];
    const ImageInfo& image = model.images[thread.image];
    const std::string name = thread_name(image, thread);
    for (size_t level = 0; level < layout.tracks[i].size(); ++level) {
      append_name_event(text,
                        "thread_name",
                        image.pid,
                        layout.tracks[i][level].tid,
                        level == 0 ? name : deep_name(name, level));
    }
  }
  for (size_t i = 0; i < layout.losses.size(); ++i) {
    append_name_event(text,
                      "thread_name",
                      model.images[layout.losses[i].image].pid,
                      layout.loss_tracks[i].tid,
                      kLossTrackName);
  }
  return text;
}

// Calls that were open when a thread's record ends, and losses.
std::string open_calls_text(const JsonLayout& layout) {
  const TraceModel& model = layout.model;
  const std::vector<ThreadEnd> ends = thread_ends(model, layout.clock);
  std::string text;
  for (size_t i = 0; i < model.threads.size(); ++i) {
    const ThreadInfo& thread = model.threads[i];
    const ImageInfo& image = model.images[thread.image];
    for (size_t depth = thread.open.size(); depth-- > 0;) {
      const OpenCall& call = thread.open[depth];
      const JsonTrack& track =
          layout.tracks[i][std::min(depth / kTrackDepth, layout.tracks[i].size() - 1)];
      const uint64_t start_ns = layout.clock.to_ns(call.start_ticks);
      const uint64_t end_ns = ends[i].first_ns + (thread.open.size() - 1 - depth);
      append_json_call(text,
                       track,
                       start_ns - layout.offset_ns,
                       ends[i].close && end_ns > start_ns ? end_ns - start_ns : 0,
                       ends[i].close ? 'X' : 'B',
                       json_name_tail(display_name(image.function(call.id), call.id)));
    }
  }
  for (size_t i = 0; i < layout.losses.size(); ++i) {
    const UntoldLoss& loss = layout.losses[i];
    append_json_call(text,
                     layout.loss_tracks[i],
                     loss.start_ns - layout.offset_ns,
                     loss.end_ns - loss.start_ns,
                     'X',
                     json_name_tail(loss.name));
  }
  return text;
}

std::string exit_text(const RunEndFrame& end) {
  if ((end.flags & kRunHasStatus) == 0) {
    return "null";
  }
  return WIFSIGNALED(end.wait_status)
             ? fmt::format("{{\"signal\":{}}}", WTERMSIG(end.wait_status))
             : fmt::format("{{\"status\":{}}}", WEXITSTATUS(end.wait_status));
}

std::string process_text(const JsonLayout& layout, const ImageInfo& image) {
  std::string argv;
  for (const std::string& argument : image.argv) {
    argv += fmt::format("{}{}", argv.empty() ? "" : ",", json_quoted(argument));
  }
  std::string notes;
  for (const auto& [kind, note] : image.notes) {
    notes += fmt::format(
        "{}{{\"kind\":{},\"text\":{}}}", notes.empty() ? "" : ",", kind, json_quoted(note));
  }
  return fmt::format(
      "{{\"pid\":{},\"parent_pid\":{},\"python\":\"{}\",\"executable\":{},\"cwd\":{},\"argv\":[{}],"
      "\"start_ns\":{},\"lost_events\":{},\"stalls\":{},\"alive_at_end\":{},\"damaged\":{},"
      "\"notes\":[{}]}}",
      image.pid,
      image.parent_pid,
      python_version_text(image.python_version),
      json_quoted(image.executable),
      json_quoted(image.cwd),
      argv,
      layout.clock.to_ns(image.start_ticks),
      image.end.lost_events,
      image.end.stalls,
      !image.ended || (image.end.flags & kImageDied) == 0,
      image.damaged || (image.end.flags & kImageDamaged) != 0,
      notes);
}

std::string metadata_text(const JsonLayout& layout) {
  const TraceModel& model = layout.model;
  const TraceTotals totals = totals_of(model);
  std::string text = fmt::format(
      "\n],\n\"viztracer_metadata\":{{\"version\":{},\"overflow\":{},\"baseTimeNanoseconds\":{}}},"
      "\n",
      json_quoted(model.version),
      totals.lost_events != 0,
      layout.clock.realtime_base_ns() + layout.offset_ns);
  text += fmt::format(
      "\"viztracer_native\":{{\"command\":{},\"exit\":{},\"calls\":{},\"lost_events\":{},"
      "\"stray_ends\":{},\"cut_calls\":{},\"complete\":{},\"timestamp_offset_ns\":{},"
      "\n\"processes\":[",
      json_quoted(model.command_line),
      exit_text(model.run_end),
      totals.calls,
      totals.lost_events,
      totals.stray_ends,
      totals.cut_calls,
      !model.truncated && (model.run_end.flags & kRunDiskFull) == 0,
      layout.offset_ns);
  bool first = true;
  for (const ImageInfo& image : model.images) {
    text += first ? "\n" : ",\n";
    first = false;
    text += process_text(layout, image);
  }
  text += "],\n\"deep_tracks\":[";
  first = true;
  for (size_t i = 0; i < model.threads.size(); ++i) {
    for (size_t level = 1; level < layout.tracks[i].size(); ++level) {
      text += fmt::format("{}\n{{\"pid\":{},\"tid\":{},\"of_tid\":{},\"from_depth\":{}}}",
                          first ? "" : ",",
                          model.images[model.threads[i].image].pid,
                          layout.tracks[i][level].tid,
                          model.threads[i].tid,
                          level * kTrackDepth);
      first = false;
    }
  }
  text += "]},\n\"file_info\":";
  return text;
}

}  // namespace

Status write_json(const SpoolReader& spool, const ReportOptions& options) {
  const TraceModel& model = spool.model();
  const ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  const JsonLayout layout(model, clock);
  VTN_ASSIGN(OutputFile output, OutputFile::create(options.path));
  VTN_TRY(write_text(head_text(layout), options.gzip, output));
  VTN_TRY(write_frames(
      spool, options, [&] { return std::make_unique<JsonPieceMaker>(layout); }, output));
  VTN_TRY(write_text(open_calls_text(layout) + metadata_text(layout), options.gzip, output));
  VTN_TRY(emit_file_info(
      model, [&](std::string_view text) { return write_text(text, options.gzip, output); }));
  VTN_TRY(write_text("}\n", options.gzip, output));
  return output.commit();
}

}  // namespace vtn

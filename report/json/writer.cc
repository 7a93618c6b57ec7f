// SPDX-License-Identifier: Apache-2.0
//
// The file around the events: names of processes and threads, calls that never ended, metadata and
// sources. The keys are those that VizTracer's viewer and scripts look for; what is ours alone is
// in "viztracer_native".
#include "report/json/writer.h"

#include <algorithm>

#include <fmt/format.h>

#include "report/json/events.h"
#include "report/json/tree.h"
#include "report/left_out.h"
#include "report/pieces.h"
#include "report/source_files.h"
#include "report/text.h"

namespace vtn::report {

namespace {

constexpr uint64_t kBytesPerOp = 80;  // half a call

void append_thread_name(std::string& to, uint32_t pid, uint32_t tid, std::string_view name) {
  to += fmt::format(
      "{}{{\"ph\":\"M\",\"pid\":{},\"tid\":{},\"name\":\"thread_name\",\"args\":{{\"name\":{}}}}}",
      to.back() == '[' ? "\n" : ",\n",
      pid,
      tid,
      json_quoted(name));
}

std::string head_text(const JsonLayout& layout) {
  const spool::Model& model = layout.model;
  std::string text = "{\"traceEvents\":[";
  text += json_tree_names(layout);
  for (size_t i = 0; i < model.threads.size(); ++i) {
    const spool::ThreadInfo& thread = model.threads[i];
    const uint32_t pid = layout.picture.shown_pid(thread.image);
    const std::string name = thread_name(model.images[thread.image], thread);
    for (size_t level = 0; level < layout.tracks[i].size(); ++level) {
      append_thread_name(text,
                         pid,
                         layout.tracks[i][level].tid,
                         level == 0 ? name : deep_track_name(name, level * kTrackDepth));
    }
  }
  for (size_t i = 0; i < layout.losses.size(); ++i) {
    append_thread_name(text,
                       layout.picture.shown_pid(layout.losses[i].image),
                       layout.loss_tracks[i].tid,
                       kLossTrackName);
  }
  return text + json_tree_events(layout);
}

// Calls that were open when a thread's record ends, and losses.
std::string open_calls_text(const JsonLayout& layout) {
  const spool::Model& model = layout.model;
  std::string text;
  for (size_t i = 0; i < model.threads.size(); ++i) {
    const spool::ThreadInfo& thread = model.threads[i];
    const spool::ImageInfo& image = model.images[thread.image];
    const Picture::ThreadEnd& end = layout.picture.ends[i];
    for (size_t depth = thread.open.size(); depth-- > 0;) {
      const spool::OpenCall& call = thread.open[depth];
      const JsonTrack& track =
          layout.tracks[i][std::min(depth / kTrackDepth, layout.tracks[i].size() - 1)];
      const uint64_t start_ns = layout.clock.to_ns(call.start_ticks);
      const uint64_t end_ns = end.first_ns + (thread.open.size() - 1 - depth);
      append_json_event(text, track, start_ns - layout.offset_ns, end.close ? 'X' : 'B', "FEE");
      if (end.close) {
        append_json_duration(text, end_ns > start_ns ? end_ns - start_ns : 0);
      }
      const OpenCallValues told(image, thread.thread, depth);
      text += json_notes(call.line, told.ended(), image.function(call.id), end.close);
      text += json_call_tail(image.function(call.id), call.id);
    }
  }
  for (size_t i = 0; i < layout.losses.size(); ++i) {
    const UntoldLoss& loss = layout.losses[i];
    append_json_event(text, layout.loss_tracks[i], loss.start_ns - layout.offset_ns, 'X', "FEE");
    append_json_duration(text, loss.end_ns - loss.start_ns);
    text += json_name_tail(loss.name);
  }
  return text;
}

std::string open_spans_text(const JsonLayout& layout, const OpenSpans& spans) {
  std::string text;
  for (const OpenSpan& span : spans.left()) {
    const uint64_t begin_ns = std::max(layout.clock.to_ns(span.ticks), layout.offset_ns);
    text +=
        json_open_span(span.note(),
                       layout.tracks[span.thread][0],
                       begin_ns - layout.offset_ns,
                       layout.model.images[span.image].function(static_cast<uint32_t>(span.key)));
  }
  return text;
}

// What is folded: whoever reads slices as calls has to know.
std::string folded_text(const JsonLayout& layout) {
  const spool::FoldedInfo& folded = layout.model.folded;
  if (folded.below_ns == 0) {
    return {};
  }
  return fmt::format(
      ",\n\"folded\":{{\"below_ns\":{},\"folds\":{},\"slices\":{},\"calls\":{},\"values\":{}}}",
      folded.below_ns,
      folded.folds,
      folded.slices,
      folded.calls,
      folded.values);
}

std::string metadata_text(const JsonLayout& layout) {
  const spool::Model& model = layout.model;
  const spool::Totals totals = spool::totals_of(model);
  const std::string spool_error = spool::spool_error_text(model.run_end);
  std::string text = fmt::format(
      "\n],\n\"viztracer_metadata\":{{\"version\":{},\"overflow\":{},\"baseTimeNanoseconds\":{}{}}}"
      ","
      "\n",
      json_quoted(model.version),
      totals.lost_events != 0 || !model.dropped.empty(),
      layout.clock.realtime_base_ns() + layout.offset_ns,
      folded_text(layout));
  text += fmt::format(
      "\"viztracer_native\":{{\"command\":{},\"exit\":{},\"calls\":{},\"lost_events\":{},"
      "\"stray_ends\":{},\"cut_calls\":{},\"complete\":{},\"spool_error\":{},"
      "\"timestamp_offset_ns\":{},"
      "\n\"processes\":",
      json_quoted(model.command_line),
      exit_json((model.run_end.flags & spool::kRunHasStatus) != 0, model.run_end.wait_status),
      totals.calls,
      totals.lost_events,
      totals.stray_ends,
      totals.cut_calls,
      !model.truncated && spool_error.empty(),
      spool_error.empty() ? "null" : json_quoted(spool_error),
      layout.offset_ns);
  text += json_ledger(layout);
  text += ",\n\"processes_unknown\":" + std::to_string(model.run_end.unslotted);
  text += ",\n\"deep_tracks\":[";
  bool first = true;
  for (size_t i = 0; i < model.threads.size(); ++i) {
    for (size_t level = 1; level < layout.tracks[i].size(); ++level) {
      text += fmt::format("{}\n{{\"pid\":{},\"tid\":{},\"of_tid\":{},\"from_depth\":{}}}",
                          first ? "" : ",",
                          layout.picture.shown_pid(model.threads[i].image),
                          layout.tracks[i][level].tid,
                          layout.tracks[i][0].tid,
                          level * kTrackDepth);
      first = false;
    }
  }
  text += "],\n\"renamed_threads\":[";
  first = true;
  for (size_t i = 0; i < model.threads.size(); ++i) {
    const spool::ThreadInfo& thread = model.threads[i];
    const std::vector<std::string> names = thread_names(model.images[thread.image], thread);
    if (names.size() > 1) {
      text += fmt::format("{}\n{{\"pid\":{},\"tid\":{},\"names\":{}}}",
                          first ? "" : ",",
                          layout.picture.shown_pid(thread.image),
                          layout.tracks[i][0].tid,
                          json_list(names));
      first = false;
    }
  }
  text += "],\n" + left_out_json(model, layout.picture.tree, layout.clock) + "},\n\"file_info\":";
  return text;
}

}  // namespace

Status write_json(const spool::Reader& spool, const WriteRequest& request) {
  const spool::Model& model = spool.model();
  const spool::ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  const JsonLayout layout(model, clock, request.settings.python_only);
  VTN_ASSIGN(OutputFile output, OutputFile::create(request.path));
  TextOutput text(request.gzip, output);
  VTN_TRY(text.append(head_text(layout)));
  VTN_TRY(text.flush());
  OpenSpans spans;
  VTN_TRY(write_frames(
      spool,
      request,
      kBytesPerOp,
      [&] { return std::make_unique<JsonPieceMaker>(layout, spans); },
      output));
  VTN_TRY(text.append(open_calls_text(layout) + open_spans_text(layout, spans) +
                      metadata_text(layout)));
  VTN_TRY(emit_file_info(spool, [&](std::string_view piece) { return text.append(piece); }));
  VTN_TRY(text.append("}\n"));
  VTN_TRY(text.flush());
  return output.commit();
}

}  // namespace vtn::report

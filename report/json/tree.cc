// SPDX-License-Identifier: Apache-2.0
#include "report/json/tree.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/file.h"
#include "report/text.h"

namespace vtn::report {

namespace {

constexpr char kCategory[] = "process";
constexpr char kStartLineName[] = "processes started";

std::string args_text(const std::vector<Remark>& remarks) {
  std::string text;
  for (const Remark& remark : remarks) {
    text += fmt::format("{}\"{}\":", text.empty() ? ",\"args\":{" : ",", remark.key);
    switch (remark.kind) {
      case Remark::kText:
        text += json_quoted(remark.values.front());
        break;
      case Remark::kNumber:
        text += remark.values.front();
        break;
      case Remark::kList:
        text += json_list(remark.values);
        break;
    }
  }
  return text.empty() ? text : text + "}";
}

void append_program(std::string& to,
                    const JsonLayout& layout,
                    uint32_t process,
                    const Picture::Program& program) {
  append_json_event(to,
                    layout.main_lines[process],
                    program.start_ns - layout.offset_ns,
                    program.open ? 'B' : 'X',
                    kCategory);
  if (!program.open) {
    // One ends where the next begins: readers that add the two numbers must not get beyond that.
    append_json_duration(to, program.end_ns - program.start_ns - (program.last ? 0 : 1));
  }
  to += args_text(remarks_on(layout.picture, process, program));
  to += json_name_tail(program.what.name.empty() ? "(unknown)" : program.what.name);
}

std::string exit_text(const ProcessInfo& process) {
  return exit_json(process.status_known, process.wait_status);
}

// Whether it is to be said at a process's end how that was: on the bar of a program that was not
// traced it is said anyway.
bool ends_badly(const Picture& picture, uint32_t number) {
  const std::vector<Picture::Program>& programs = picture.processes[number].programs;
  return !programs.empty() && programs.back().traced && !bad_end_text(picture.info(number)).empty();
}

void append_end(std::string& to, const JsonLayout& layout, uint32_t number) {
  const ProcessInfo& process = layout.picture.info(number);
  const uint64_t end_ns = layout.picture.processes[number].programs.back().end_ns;
  append_json_event(to, layout.main_lines[number], end_ns - layout.offset_ns, 'i', kCategory);
  to += fmt::format(",\"s\":\"t\",\"args\":{{\"exit\":{}}}", exit_text(process));
  to += json_name_tail(bad_end_text(process));
}

// The first thing of a process that is drawn, which an arrow can lead to.
struct Target {
  const JsonTrack* line = nullptr;
  uint64_t ns = 0;
  bool next = false;  // what begins next on the line, not what is open there
};

Target target_of(const JsonLayout& layout, uint32_t number, uint64_t from_ns) {
  const Picture::Process& process = layout.picture.processes[number];
  for (const Picture::Program& program : process.programs) {
    if (!program.traced) {
      // Inside the event: of two that have the same time, either may be taken for the earlier one.
      return Target{&layout.main_lines[number], program.start_ns + 1, false};
    }
    for (const uint32_t thread : process.threads) {
      const spool::ThreadInfo& info = layout.model.threads[thread];
      if (info.image == program.what.image && (info.calls != 0 || !info.open.empty())) {
        return Target{&layout.tracks[thread][0], from_ns, true};
      }
    }
  }
  return {};
}

void append_arrow(std::string& to, const JsonLayout& layout, const Picture::Arrow& arrow) {
  const Target target = target_of(layout, arrow.child, arrow.ns);
  if (target.line == nullptr) {
    return;
  }
  const JsonTrack& source = layout.source_of(arrow);
  const uint64_t ns = arrow.ns - layout.offset_ns;
  append_json_event(to, source, ns, 'i', kCategory);
  to += fmt::format(",\"s\":\"t\",\"args\":{{\"pid\":{}}}",
                    layout.picture.info(arrow.child).shown_pid);
  to += json_name_tail(arrow_name(layout.picture, arrow));
  const std::string id = fmt::format(",\"id\":\"0x{:x}\"", layout.picture.flow_id(arrow));
  append_json_event(to, source, ns, 's', kCategory);
  to += id + json_name_tail("start");
  append_json_event(to, *target.line, target.ns - layout.offset_ns, 'f', kCategory);
  to += target.next ? "" : ",\"bp\":\"e\"";
  to += id + json_name_tail("start");
}

std::string python_text(uint32_t version) {
  return version == 0 ? "null" : fmt::format("\"{}\"", python_version_text(version));
}

std::string image_text(const JsonLayout& layout, const spool::ImageInfo& image) {
  return fmt::format(
      "{{\"by\":\"{}\",\"start_ns\":{},\"executable\":{},\"argv\":{},\"cwd\":{},\"python\":{},"
      "\"traced\":{},\"lost_events\":{},\"stalls\":{},\"damaged\":{},\"notices\":{}}}",
      image.kind == SlotKind::kForked ? "fork" : "exec",
      layout.clock.to_ns(image.start_ticks),
      json_quoted(image.executable),
      json_list(image.argv),
      json_quoted(image.cwd),
      python_text(image.python_version),
      image.traced,
      image.end.lost_events,
      image.end.stalls,
      image.is_damaged(),
      json_list(notices_of(image)));
}

std::string process_text(const JsonLayout& layout, const ProcessInfo& process) {
  const spool::Model& model = layout.model;
  std::string text = fmt::format("{{\"pid\":{}", process.shown_pid);
  if (process.shown_pid != process.pid) {
    text += fmt::format(",\"system_pid\":{}", process.pid);
  }
  if (process.own_pid != process.pid) {
    text += fmt::format(",\"own_pid\":{}", process.own_pid);
  }
  text += process.parent == spool::kNoProcess
              ? std::string(",\"parent\":null")
              : fmt::format(",\"parent\":{}", layout.picture.info(process.parent).shown_pid);
  const uint32_t parent_pid =
      process.images.empty() ? 0 : model.images[process.images.front()].parent_pid;
  text += fmt::format(
      ",\"parent_pid\":{},\"name\":{},\"executable\":{},\"argv\":{},\"python\":{},\"traced\":{},"
      "\"ledger\":{},\"start_ns\":{},\"end_ns\":{},\"end_is_exact\":{},\"alive_at_end\":{},"
      "\"exit\":{}",
      parent_pid,
      json_quoted(process.name),
      json_quoted(process.executable),
      json_list(process.argv),
      python_text(process.python_version),
      process.traced(),
      json_quoted(ledger_text(process)),
      layout.clock.to_ns(process.start_ticks),
      layout.clock.to_ns(process.end_ticks),
      process.end_exact,
      !process.ended,
      exit_text(process));
  std::string cwd;
  std::string images;
  uint64_t lost_events = 0;
  uint64_t stalls = 0;
  bool damaged = false;
  for (const uint32_t i : process.images) {
    const spool::ImageInfo& image = model.images[i];
    cwd = image.cwd.empty() ? cwd : image.cwd;
    lost_events += image.end.lost_events;
    stalls += image.end.stalls;
    damaged = damaged || image.is_damaged();
    images += images.empty() ? "" : ",";
    images += image_text(layout, image);
  }
  return text + fmt::format(
                    ",\"cwd\":{},\"lost_events\":{},\"stalls\":{},\"damaged\":{},"
                    "\"images\":[{}]}}",
                    json_quoted(cwd),
                    lost_events,
                    stalls,
                    damaged,
                    images);
}

}  // namespace

std::string json_tree_names(const JsonLayout& layout) {
  const Picture& picture = layout.picture;
  std::string text;
  const auto say = [&](const char* what, uint32_t pid, uint32_t tid, const std::string& args) {
    text += fmt::format(",\n{{\"ph\":\"M\",\"pid\":{},\"tid\":{},\"name\":\"{}\",\"args\":{{{}}}}}",
                        pid,
                        tid,
                        what,
                        args);
  };
  const auto name_args = [](std::string_view name) { return "\"name\":" + json_quoted(name); };
  for (const uint32_t number : picture.order) {
    const ProcessInfo& process = picture.info(number);
    const uint32_t pid = process.shown_pid;
    say("process_name", pid, pid, name_args(process.name));
    const bool has_main = picture.processes[number].main_thread != kNothing;
    const bool draws_there = !process.slices.empty() || ends_badly(picture, number);
    if (!has_main && !process.argv.empty() && draws_there) {
      say("thread_name", pid, pid, name_args(name_of(process.argv[0])));
    }
    if (const uint32_t tid = layout.start_lines[number].tid; tid != 0) {
      say("thread_name", pid, tid, name_args(kStartLineName));
    }
  }
  return text.empty() ? text : text.substr(1);
}

std::string json_tree_events(const JsonLayout& layout) {
  const Picture& picture = layout.picture;
  std::string text;
  for (const uint32_t number : picture.order) {
    for (const Picture::Program& program : picture.processes[number].programs) {
      if (!program.traced) {
        append_program(text, layout, number, program);
      }
    }
    if (ends_badly(picture, number)) {
      append_end(text, layout, number);
    }
  }
  for (const Picture::Arrow& arrow : picture.arrows) {
    append_arrow(text, layout, arrow);
  }
  return text;
}

std::string json_ledger(const JsonLayout& layout) {
  std::string text = "[";
  for (const uint32_t number : layout.picture.tree.order) {
    text += text.size() == 1 ? "\n" : ",\n";
    text += process_text(layout, layout.picture.info(number));
  }
  return text + "]";
}

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
#include "debugger/texts.h"

#include <algorithm>

#include <fmt/format.h>

#include "debugger/search.h"
#include "debugger/times.h"
#include "report/call_values.h"
#include "report/process_names.h"
#include "report/text.h"

namespace vtn::debugger {

namespace {

constexpr size_t kShownName = 300;
constexpr size_t kShownValue = 200;

const char* end_text(OpKind kind) {
  switch (kind) {
    case OpKind::kReturn:
      return "returned";
    case OpKind::kUnwind:
      return "was left by an exception, or yielded";
    default:
      return "is over, its own end was not seen";
  }
}

// "leaf (app.py:3) returned 14, took 1.234 us"
Result<std::string> ended_text(Debugger& debugger, uint64_t end) {
  Timeline& timeline = debugger.timeline();
  VTN_ASSIGN(const Timeline::Spot at, timeline.spot(end));
  const Op& op = at.op();
  VTN_ASSIGN(const Timeline::OpenCall call, timeline.open_call(end, op.depth));
  VTN_ASSIGN(std::string text, open_call_text(debugger, call));
  text += fmt::format(" {}", call.number == 0 ? "is over" : end_text(op.kind));
  if (const spool::Note* const value = told_of(at.page->return_values, at.index)) {
    text += " " + report::one_line(report::value_text(*value), kShownValue);
  }
  if (const spool::Note* const named = told_of(at.page->named, at.index)) {
    text += ", with " + arguments_text(timeline.image(), call.function, {nullptr, nullptr, named});
  }
  return text + ", took " + time_text(op.ns - call.start_ns);
}

// What has just come to pass.
Result<std::string> before_text(Debugger& debugger) {
  Timeline& timeline = debugger.timeline();
  const uint64_t place = debugger.cursor.place();
  if (place == 0) {
    return std::string("the beginning of the trace");
  }
  VTN_ASSIGN(const Timeline::Spot before, timeline.spot(place - 1));
  if (!begins(before.op().kind)) {
    return ended_text(debugger, place - 1);
  }
  std::string text = "it begins";
  if (const spool::Note* const told = told_of(before.page->arguments, before.index)) {
    text += ", with " +
            arguments_text(timeline.image(), before.op().function, {told, nullptr, nullptr});
  }
  return text;
}

bool has_lines(const Timeline& timeline, uint32_t id) {
  const spool::FunctionInfo* const function = timeline.image().function(id);
  return function != nullptr && function->kind == FunctionKind::kPython;
}

// What will come to pass.
Result<std::string> next_text(Debugger& debugger) {
  Timeline& timeline = debugger.timeline();
  const uint64_t place = debugger.cursor.place();
  if (place == timeline.ops()) {
    return std::string("the end of the trace");
  }
  VTN_ASSIGN(const Op next, timeline.op(place));
  if (begins(next.kind)) {
    VTN_ASSIGN(std::string text, name_of_begin(timeline, place));
    if (next.kind == OpKind::kCall && next.line != 0) {
      text += fmt::format(", from line {}", next.line);
    }
    return text;
  }
  return std::string(next.kind == OpKind::kReturn   ? "it returns"
                     : next.kind == OpKind::kUnwind ? "an exception leaves it, or it yields"
                                                    : "it is over, its own end was not seen");
}

}  // namespace

std::string call_id_text(const Debugger& debugger, uint32_t thread, uint64_t number) {
  return fmt::format("#{}.{}", debugger.recording.number_of(thread), number);
}

std::string name_text(const Timeline& timeline, uint32_t function) {
  return report::one_line(function_text(timeline.image(), function), kShownName);
}

Result<std::string> name_of_begin(Timeline& timeline, uint64_t begin) {
  VTN_ASSIGN(const Timeline::Spot at, timeline.spot(begin));
  if (at.op().kind == OpKind::kGap) {
    return "(" + report::gap_name(at.page->frame.specials[at.op().line]) + ")";
  }
  return name_text(timeline, at.op().function);
}

Result<std::string> open_call_text(Debugger& debugger, const Timeline::OpenCall& call) {
  Timeline& timeline = debugger.timeline();
  if (call.number == 0) {
    return call.begin ? name_of_begin(timeline, *call.begin) : std::string("(unknown)");
  }
  return call_id_text(debugger, timeline.thread(), call.number) + " " +
         name_text(timeline, call.function);
}

std::string arguments_text(const spool::ImageInfo& image,
                           uint32_t function,
                           const report::CallValues::Ended& values) {
  std::string text;
  for (const auto& [name, value] : texts_of_arguments(image, function, values)) {
    text += (text.empty() ? "" : ", ") + name + "=" + report::one_line(value, kShownValue);
  }
  return report::one_line(text, 4 * kShownValue);
}

Result<CurrentLine> current_line(Debugger& debugger, uint32_t level) {
  Timeline& timeline = debugger.timeline();
  const uint64_t place = debugger.cursor.place();
  VTN_ASSIGN(const uint32_t depth, timeline.depth_at(place));
  VTN_ASSIGN(const Timeline::OpenCall call, timeline.open_call(place, level));
  if (!has_lines(timeline, call.function)) {
    return CurrentLine();
  }
  // What a C function calls is called from the line that it was called from.
  for (uint32_t inner = level + 1; inner < depth; ++inner) {
    VTN_ASSIGN(const Timeline::OpenCall called, timeline.open_call(place, inner));
    if (called.line != 0 || has_lines(timeline, called.function)) {
      return CurrentLine{called.line, true};
    }
  }
  if (place < timeline.ops()) {
    VTN_ASSIGN(const Op next, timeline.op(place));
    if (next.kind == OpKind::kCall && next.line != 0) {
      return CurrentLine{next.line, true};
    }
  }
  if (place > 0) {
    VTN_ASSIGN(const Op before, timeline.op(place - 1));
    if (!begins(before.kind)) {
      VTN_ASSIGN(const Timeline::OpenCall ended, timeline.open_call(place - 1, before.depth));
      if (ended.line != 0) {
        return CurrentLine{ended.line, false};
      }
    }
  }
  return CurrentLine{level + 1 < depth ? 0 : timeline.image().function(call.function)->line, false};
}

Result<std::string> current_source(Debugger& debugger, uint32_t level) {
  Timeline& timeline = debugger.timeline();
  VTN_ASSIGN(const Timeline::OpenCall call, timeline.open_call(debugger.cursor.place(), level));
  const spool::FunctionInfo* const function = timeline.image().function(call.function);
  if (function == nullptr) {
    return std::string();
  }
  VTN_ASSIGN(const CurrentLine line, current_line(debugger, level));
  const std::string text = debugger.source.line_of(timeline.image(), *function, line.line);
  return text.empty() ? text : fmt::format("> {}  {}", line.line, text);
}

Result<std::string> place_text(Debugger& debugger) {
  VTN_ASSIGN(const auto level, debugger.level());
  std::string text;
  if (level) {
    VTN_ASSIGN(const Timeline::OpenCall call,
               debugger.timeline().open_call(debugger.cursor.place(), *level));
    VTN_ASSIGN(text, open_call_text(debugger, call));
    text += fmt::format(", depth {}", *level + 1);
  } else {
    text = fmt::format("thread {}, no call is open",
                       debugger.recording.number_of(debugger.timeline().thread()));
  }
  text += ", at " + time_text(debugger.cursor.now_ns()) + "\n";
  if (debugger.up == 0) {
    VTN_ASSIGN(const std::string before, before_text(debugger));
    VTN_ASSIGN(const std::string next, next_text(debugger));
    text += "  before: " + before + "\n  next:   " + next + "\n";
  }
  if (level) {
    VTN_ASSIGN(const std::string source, current_source(debugger, *level));
    text += source.empty() ? "" : source + "\n";
  }
  return text;
}

}  // namespace vtn::debugger

// SPDX-License-Identifier: Apache-2.0
//
// Commands that show what there is at the place, and leave it as it is.
#include <algorithm>

#include <fmt/format.h>

#include "debugger/call_tree.h"
#include "debugger/commands.h"
#include "debugger/passed_marks.h"
#include "debugger/search.h"
#include "debugger/texts.h"
#include "debugger/times.h"
#include "report/call_values.h"
#include "report/left_out.h"
#include "report/process_names.h"

namespace vtn::debugger {

namespace {

constexpr size_t kShownValue = 2000;
constexpr uint32_t kLinesAround = 5;
constexpr size_t kMarks = 10;
constexpr uint64_t kTreeDepth = 3;
constexpr uint64_t kTreeLines = 100;
constexpr char kNoValues[] = "no values were recorded of this call\n";
constexpr char kNoCall[] = "no call is open here";

Result<uint32_t> level_or_error(Debugger& debugger) {
  VTN_ASSIGN(const auto level, debugger.level());
  return level ? Result<uint32_t>(*level) : fail(kNoCall);
}

Result<std::string> run_up(Debugger& debugger, std::string_view rest) {
  VTN_ASSIGN(const uint64_t count, parse_count(rest, "up", 1));
  VTN_ASSIGN(const uint32_t depth, debugger.timeline().depth_at(debugger.cursor.place()));
  if (debugger.up + 1 >= depth) {
    return fail("No outer frame anymore");
  }
  debugger.up += static_cast<uint32_t>(std::min<uint64_t>(count, depth - 1 - debugger.up));
  return place_text(debugger);
}

Result<std::string> run_down(Debugger& debugger, std::string_view rest) {
  VTN_ASSIGN(const uint64_t count, parse_count(rest, "down", 1));
  if (debugger.up == 0) {
    return fail("Already at current frame");
  }
  debugger.up -= static_cast<uint32_t>(std::min<uint64_t>(count, debugger.up));
  return place_text(debugger);
}

Result<std::string> run_where(Debugger& debugger, std::string_view rest) {
  Timeline& timeline = debugger.timeline();
  VTN_ASSIGN(const std::vector<Timeline::OpenCall> stack,
             timeline.stack_at(debugger.cursor.place()));
  VTN_ASSIGN(const uint64_t most, parse_count(rest, "where", stack.size()));
  if (stack.empty()) {
    return std::string(kNoCall) + "\n";
  }
  std::string text;
  const size_t left_out = stack.size() - std::min<uint64_t>(stack.size(), most);
  if (left_out != 0) {
    text += fmt::format("  ... {} calls around these\n", left_out);
  }
  for (size_t level = left_out; level < stack.size(); ++level) {
    VTN_ASSIGN(const std::string name, open_call_text(debugger, stack[level]));
    VTN_ASSIGN(const CurrentLine line, current_line(debugger, static_cast<uint32_t>(level)));
    const bool looked_at = level + 1 + debugger.up == stack.size();
    text += (looked_at ? "> " : "  ") + name;
    text += line.line != 0 ? fmt::format(", line {}", line.line) : "";
    text += ", since " + time_text(debugger.recording.since_zero(stack[level].start_ns)) + "\n";
  }
  return text;
}

// The lines of a function, as far as its indentation tells: up to the next one that is no deeper
// than its first.
uint32_t last_line_of(const SourceText::File& file, uint32_t first) {
  const auto indent_of = [&](uint32_t line) {
    const std::string& text = file.lines[line - 1];
    return std::min(text.find_first_not_of(' '), text.size());
  };
  const auto is_blank = [&](uint32_t line) {
    const std::string& text = file.lines[line - 1];
    return text.find_first_not_of(' ') == text.npos;
  };
  uint32_t start = first;
  const auto lines = static_cast<uint32_t>(file.lines.size());
  while (start < lines && file.lines[start - 1].find_first_not_of(' ') != std::string::npos &&
         file.lines[start - 1][indent_of(start)] == '@') {
    ++start;  // a decorator: the function is what it decorates
  }
  const size_t indent = indent_of(start);
  uint32_t last = start;
  for (uint32_t line = start + 1; line <= lines; ++line) {
    if (is_blank(line)) {
      continue;
    }
    const std::string& text = file.lines[line - 1];
    if (indent_of(line) <= indent && text[indent_of(line)] != ')') {
      break;
    }
    last = line;
  }
  return last;
}

Result<std::string> listed(Debugger& debugger, bool whole, std::string_view rest) {
  VTN_ASSIGN(const uint32_t level, level_or_error(debugger));
  Timeline& timeline = debugger.timeline();
  VTN_ASSIGN(const Timeline::OpenCall call, timeline.open_call(debugger.cursor.place(), level));
  const spool::FunctionInfo* const function = timeline.image().function(call.function);
  const SourceText::File* const file =
      function == nullptr ? nullptr : debugger.source.file_of(timeline.image(), *function);
  if (file == nullptr) {
    VTN_ASSIGN(const std::string name, open_call_text(debugger, call));
    return "> " + name + "\n";
  }
  const auto lines = static_cast<uint32_t>(file->lines.size());
  VTN_ASSIGN(const CurrentLine current, current_line(debugger, level));
  VTN_ASSIGN(const uint64_t wanted, parse_count(rest, "list", std::max(current.line, 1u)));
  if (lines == 0 || wanted > lines || function->line == 0 || function->line > lines) {
    return "> Not able to locate the source of " + name_text(timeline, call.function) + "\n";
  }
  const auto middle = static_cast<uint32_t>(wanted);
  uint32_t first = middle > kLinesAround ? middle - kLinesAround : 1;
  uint32_t last = std::min(lines, middle + kLinesAround);
  if (whole) {
    first = function->line;
    last = last_line_of(*file, first);
  }
  std::string text = file->changed ? "(the file has been changed since this was recorded)\n" : "";
  for (uint32_t line = first; line <= last; ++line) {
    text +=
        fmt::format("{} {:5}  {}\n", line == current.line ? '>' : ' ', line, file->lines[line - 1]);
  }
  return text;
}

Result<std::string> run_list(Debugger& debugger, std::string_view rest) {
  return listed(debugger, false, rest);
}

Result<std::string> run_long_list(Debugger& debugger, std::string_view /*rest*/) {
  return listed(debugger, true, "");
}

std::string argument_lines(const spool::ImageInfo& image,
                           uint32_t function,
                           const report::CallValues::Ended& values) {
  std::string text;
  for (const auto& [name, value] : texts_of_arguments(image, function, values)) {
    text +=
        report::one_line(name, kShownValue) + " = " + report::one_line(value, kShownValue) + "\n";
  }
  return text;
}

Result<std::string> run_args(Debugger& debugger, std::string_view /*rest*/) {
  VTN_ASSIGN(const uint32_t level, level_or_error(debugger));
  Timeline& timeline = debugger.timeline();
  const uint64_t place = debugger.cursor.place();
  VTN_ASSIGN(const Timeline::OpenCall call, timeline.open_call(place, level));
  VTN_ASSIGN(const Timeline::Told told, timeline.arguments_of(place, level));
  VTN_ASSIGN(const auto end, timeline.end_of(place, level));
  if (!end) {
    const report::OpenCallValues open(timeline.image(), timeline.info().thread, level);
    report::CallValues::Ended values = open.ended();
    values.arguments = told.note != nullptr ? told.note : values.arguments;
    const std::string text = argument_lines(timeline.image(), call.function, values);
    return text.empty() ? std::string(kNoValues) : text;
  }
  VTN_ASSIGN(const Timeline::Told named, timeline.named_of(*end));
  std::string text =
      argument_lines(timeline.image(), call.function, {told.note, nullptr, named.note});
  VTN_ASSIGN(const Timeline::Told value, timeline.return_value_of(*end));
  if (value.note != nullptr) {
    text += "returns " + report::one_line(report::value_text(*value.note), kShownValue) + "\n";
  }
  return text.empty() ? std::string(kNoValues) : text;
}

Result<std::string> run_call(Debugger& debugger, std::string_view /*rest*/) {
  VTN_ASSIGN(const uint32_t level, level_or_error(debugger));
  Timeline& timeline = debugger.timeline();
  const uint64_t place = debugger.cursor.place();
  const Recording& recording = debugger.recording;
  VTN_ASSIGN(const Timeline::OpenCall call, timeline.open_call(place, level));
  VTN_ASSIGN(std::string text, open_call_text(debugger, call));
  text += "\n";
  if (level > 0) {
    VTN_ASSIGN(const Timeline::OpenCall caller, timeline.open_call(place, level - 1));
    VTN_ASSIGN(const std::string name, open_call_text(debugger, caller));
    text += "  called by  " + name;
    text += call.line != 0 ? fmt::format(", from line {}\n", call.line) : "\n";
  }
  text += "  began      " + time_text(recording.since_zero(call.start_ns)) + "\n";
  VTN_ASSIGN(const auto end, timeline.end_of(place, level));
  uint64_t calls_until = timeline.calls();
  if (end) {
    VTN_ASSIGN(const Timeline::Spot at, timeline.spot(*end));
    text += fmt::format("  ended      {}, {}\n  took       {}\n",
                        time_text(recording.since_zero(at.op().ns)),
                        at.op().kind == OpKind::kReturn   ? "it returned"
                        : at.op().kind == OpKind::kUnwind ? "by an exception, or it yielded"
                                                          : "its own end was not seen",
                        time_text(at.op().ns - call.start_ns));
    VTN_ASSIGN(const uint64_t next, timeline.number_at(*end));
    calls_until = next - 1;
  } else {
    text += "  ended      never, as far as this was recorded\n";
  }
  if (call.number != 0 && call.begin) {
    text += fmt::format("  made       {} calls, with those that they made\n",
                        calls_until - call.number);
  }
  return text;
}

Result<std::string> run_tree(Debugger& debugger, std::string_view rest) {
  const std::string_view depth_text = take_word(rest);
  VTN_ASSIGN(const uint64_t depth, parse_count(depth_text, "tree", kTreeDepth));
  VTN_ASSIGN(const uint64_t lines, parse_count(rest, "tree", kTreeLines));
  return call_tree(debugger, static_cast<uint32_t>(std::min<uint64_t>(depth, UINT32_MAX)), lines);
}

Result<std::string> run_info(Debugger& debugger, std::string_view /*rest*/) {
  const Recording& recording = debugger.recording;
  const spool::Model& model = recording.model();
  const spool::Totals totals = spool::totals_of(model);
  std::string text = report::one_line(recording.spool().path(), kShownValue) + "\n";
  text += "  command    " + report::one_line(model.command_line, kShownValue) + "\n";
  text += "  recorded   by version " + report::one_line(model.version, kShownValue);
  const std::string with = report::recorded_with(model);
  text += with.empty() ? "\n" : ", with " + report::one_line(with, kShownValue) + "\n";
  text += fmt::format("  calls      {}, of {} threads in {} of {} processes\n",
                      totals.calls,
                      recording.threads().size(),
                      totals.processes,
                      recording.picture().order.size());
  text += "  time       " + time_text(recording.length_ns()) + "\n";
  if (totals.lost_events != 0) {
    text += fmt::format("  lost       {} events\n", totals.lost_events);
  }
  if (model.truncated) {
    text += "  cut short  what followed is not known\n";
  }
  VTN_ASSIGN(const std::string place, place_text(debugger));
  return text + place;
}

std::string mark_text(const Debugger& debugger, const PassedMark& mark) {
  std::string text = report::one_line(mark.name, kShownValue);
  text += mark.value.empty() ? "" : " = " + report::one_line(mark.value, kShownValue);
  text += mark.more.empty() ? "" : " (" + report::one_line(mark.more, kShownValue) + ")";
  text += ", at " + time_text(debugger.recording.since_zero(mark.ns));
  return text + "\n";
}

Result<std::string> run_marks(Debugger& debugger, std::string_view rest) {
  VTN_ASSIGN(const uint64_t most, parse_count(rest, "marks", kMarks));
  VTN_ASSIGN(
      const std::vector<PassedMark> marks,
      last_marks(debugger.timeline(), debugger.cursor.place(), debugger.now_absolute_ns(), most));
  std::string text;
  for (const PassedMark& mark : marks) {
    text += mark_text(debugger, mark);
  }
  return text.empty() ? std::string("no marks so far\n") : text;
}

Result<std::string> values_text(Debugger& debugger, Values which) {
  VTN_ASSIGN(const std::vector<PassedMark> values,
             newest_values(
                 debugger.timeline(),
                 [&](uint32_t thread) -> Timeline& { return debugger.timeline_of(thread); },
                 debugger.cursor.place(),
                 debugger.now_absolute_ns(),
                 which));
  std::string text;
  for (const PassedMark& value : values) {
    text += mark_text(debugger, value);
  }
  if (text.empty()) {
    return std::string(which == Values::kCounters ? "no counters so far\n"
                                                  : "no variables so far\n");
  }
  return text;
}

Result<std::string> run_counter(Debugger& debugger, std::string_view /*rest*/) {
  return values_text(debugger, Values::kCounters);
}

Result<std::string> run_object(Debugger& debugger, std::string_view /*rest*/) {
  return values_text(debugger, Values::kVariables);
}

constexpr Command kCommands[] = {
    {"where w bt",
     "[COUNT]",
     "the calls that are open, outermost first; or the innermost ones",
     Completes::kNothing,
     run_where},
    {"up u", "[COUNT]", "look at the caller", Completes::kNothing, run_up},
    {"down d", "[COUNT]", "look at what it calls", Completes::kNothing, run_down},
    {"args arg a",
     "",
     "what the call was called with, and what it will return",
     Completes::kNothing,
     run_args},
    {"list l", "[LINE]", "the source around the line it is at", Completes::kNothing, run_list},
    {"longlist ll", "", "the whole function", Completes::kNothing, run_long_list},
    {"call",
     "",
     "the call: who called it, when it began and ends, how many calls it makes",
     Completes::kNothing,
     run_call},
    {"tree",
     "[DEPTH [LINES]]",
     "what the call calls, so deep (3) and up to so many lines (100)",
     Completes::kNothing,
     run_tree},
    {"marks",
     "[COUNT]",
     "the last instants and values of counters that have passed (10)",
     Completes::kNothing,
     run_marks},
    {"counter counters", "", "the value of each counter", Completes::kNothing, run_counter},
    {"object objects",
     "",
     "the value of each variable that was logged",
     Completes::kNothing,
     run_object},
    {"info i", "", "what was recorded, and where one is", Completes::kNothing, run_info},
};

}  // namespace

std::span<const Command> looking_commands() { return kCommands; }

}  // namespace vtn::debugger

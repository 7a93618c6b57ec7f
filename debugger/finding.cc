// SPDX-License-Identifier: Apache-2.0
//
// Commands that look for a call, and go there.
#include <algorithm>

#include <fmt/format.h>

#include "debugger/commands.h"
#include "debugger/search.h"
#include "debugger/texts.h"
#include "debugger/times.h"
#include "report/process_names.h"

namespace vtn::debugger {

namespace {

constexpr size_t kShownWord = 80;
constexpr size_t kLongest = 5;

std::string breakpoint_text(const Breakpoint& one) {
  return fmt::format(
      "breakpoint {} at {}\n", one.number, report::one_line(one.function.text(), kShownWord));
}

Result<FunctionPattern> known_function(const Debugger& debugger, std::string_view text) {
  VTN_ASSIGN(FunctionPattern function, FunctionPattern::parse(text));
  if (!function.means_any(debugger.recording.model())) {
    return fail("No such function: " + report::one_line(text, kShownWord) +
                " (a name, a pattern such as 'Tree.*', or FILE:LINE)");
  }
  return function;
}

Result<std::string> run_break(Debugger& debugger, std::string_view rest) {
  if (rest.empty()) {
    std::string text;
    for (const Breakpoint& one : debugger.breakpoints) {
      text += breakpoint_text(one);
    }
    return text.empty() ? std::string("no breakpoints\n") : text;
  }
  VTN_ASSIGN(FunctionPattern function, known_function(debugger, rest));
  for (const Breakpoint& one : debugger.breakpoints) {
    if (one.function.text() == function.text()) {
      return breakpoint_text(one);  // it is there already
    }
  }
  debugger.breakpoints.push_back({debugger.next_breakpoint++, std::move(function)});
  return breakpoint_text(debugger.breakpoints.back());
}

Result<std::string> run_delete(Debugger& debugger, std::string_view rest) {
  if (rest.empty()) {
    const size_t count = debugger.breakpoints.size();
    debugger.breakpoints.clear();
    return fmt::format("{} breakpoints deleted\n", count);
  }
  VTN_ASSIGN(const uint64_t number, parse_count(rest, "delete", 1));
  if (std::erase_if(debugger.breakpoints,
                    [&](const Breakpoint& one) { return one.number == number; }) == 0) {
    return fail(fmt::format("No such breakpoint: {}", number));
  }
  return fmt::format("breakpoint {} deleted\n", number);
}

// Behind the op that was found; where there is none, at the end.
Result<std::string> go_to_found(Debugger& debugger,
                                const std::optional<uint64_t>& op,
                                Direction direction,
                                std::string said) {
  Cursor& cursor = debugger.cursor;
  const bool forward = direction == Direction::kForward;
  if (op) {
    VTN_TRY(cursor.go_behind(*op));
  } else {
    const uint64_t last = forward ? debugger.timeline().ops() : 0;
    if (cursor.place() == last) {
      return fail(forward ? "at the end of the trace" : "at the beginning of the trace");
    }
    VTN_TRY(cursor.go(last));
    said = forward ? "at the end of the trace\n" : "at the beginning of the trace\n";
  }
  debugger.up = 0;
  VTN_ASSIGN(const std::string place, place_text(debugger));
  return said + place;
}

// Where the search begins: a place that has been found is not found again.
uint64_t search_from(const Debugger& debugger, Direction direction) {
  const uint64_t place = debugger.cursor.place();
  return direction == Direction::kForward || place == 0 ? place : place - 1;
}

Result<std::string> go_on(Debugger& debugger, std::string_view rest, Direction direction) {
  if (debugger.breakpoints.empty()) {
    return fail("no breakpoints: 'break FUNCTION' sets one");
  }
  VTN_ASSIGN(
      const uint64_t count,
      parse_count(rest, direction == Direction::kForward ? "continue" : "reverse-continue", 1));
  std::vector<bool> ids;
  std::vector<std::vector<bool>> each;
  for (const Breakpoint& one : debugger.breakpoints) {
    each.push_back(one.function.ids_of(debugger.image()));
    ids.resize(std::max(ids.size(), each.back().size()));
    for (size_t id = 0; id < each.back().size(); ++id) {
      ids[id] = ids[id] || each.back()[id];
    }
  }
  Timeline& timeline = debugger.timeline();
  std::optional<uint64_t> found;
  uint64_t from = search_from(debugger, direction);
  for (uint64_t i = 0; i < count; ++i) {
    VTN_ASSIGN(found, find_call(timeline, ids, from, direction));
    if (!found) {
      break;
    }
    from = direction == Direction::kForward ? *found + 1 : *found;
  }
  std::string said;
  if (found) {
    VTN_ASSIGN(const Op op, timeline.op(*found));
    for (size_t i = 0; i < each.size(); ++i) {
      if (op.function < each[i].size() && each[i][op.function]) {
        said += breakpoint_text(debugger.breakpoints[i]);
        break;
      }
    }
  }
  return go_to_found(debugger, found, direction, said);
}

Result<std::string> run_continue(Debugger& debugger, std::string_view rest) {
  return go_on(debugger, rest, Direction::kForward);
}

Result<std::string> run_reverse_continue(Debugger& debugger, std::string_view rest) {
  return go_on(debugger, rest, Direction::kBackward);
}

Result<std::string> find(Debugger& debugger, std::string_view rest, Direction direction) {
  const std::string text(rest.empty() ? std::string_view(debugger.last_find) : rest);
  if (text.empty()) {
    return fail("find takes a text: that of an argument or a return value, or of a part of it");
  }
  debugger.last_find = text;
  VTN_ASSIGN(const auto found,
             find_value(debugger.timeline(), text, search_from(debugger, direction), direction));
  return go_to_found(debugger, found, direction, "");
}

Result<std::string> run_find(Debugger& debugger, std::string_view rest) {
  return find(debugger, rest, Direction::kForward);
}

Result<std::string> run_find_back(Debugger& debugger, std::string_view rest) {
  return find(debugger, rest, Direction::kBackward);
}

Result<std::string> run_longest(Debugger& debugger, std::string_view rest) {
  VTN_ASSIGN(const FunctionPattern function, known_function(debugger, rest));
  VTN_ASSIGN(const std::vector<LongCall> calls,
             longest_calls(
                 debugger.recording,
                 [&](uint32_t thread) -> Timeline& { return debugger.timeline_of(thread); },
                 function,
                 kLongest));
  if (calls.empty()) {
    return fail("no call of " + report::one_line(rest, kShownWord) + " was recorded");
  }
  std::string text;
  for (const LongCall& call : calls) {
    text += fmt::format("  {:12} {}, at {}{}\n",
                        call_id_text(debugger, call.thread, call.number),
                        time_text(call.took_ns),
                        time_text(debugger.recording.since_zero(call.start_ns)),
                        call.open ? ", it never ended" : "");
  }
  Cursor there(debugger.timeline_of(calls.front().thread));
  if (calls.front().begin) {
    VTN_TRY(there.go_behind(*calls.front().begin));
  }
  debugger.cursor = there;
  debugger.up = 0;
  VTN_ASSIGN(const std::string place, place_text(debugger));
  return text + place;
}

constexpr Command kCommands[] = {
    {"break b",
     "[FUNCTION]",
     "stop at calls of it: a name, a pattern ('Tree.*'), FILE:LINE; or list what there is",
     Completes::kFunctions,
     run_break},
    {"delete del", "[NUMBER]", "a breakpoint, or all of them", Completes::kNothing, run_delete},
    {"continue c cont",
     "[COUNT]",
     "to the next call of a function with a breakpoint",
     Completes::kNothing,
     run_continue},
    {"reverse-continue rc",
     "[COUNT]",
     "to the one before",
     Completes::kNothing,
     run_reverse_continue},
    {"find f",
     "[TEXT]",
     "to the next call with it in an argument or in what it returns; again without",
     Completes::kNothing,
     run_find},
    {"findback fb", "[TEXT]", "to the one before", Completes::kNothing, run_find_back},
    {"longest",
     "FUNCTION",
     "to its longest call in any thread; lists the first five",
     Completes::kFunctions,
     run_longest},
};

}  // namespace

std::span<const Command> finding_commands() { return kCommands; }

}  // namespace vtn::debugger

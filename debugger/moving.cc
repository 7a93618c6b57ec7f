// SPDX-License-Identifier: Apache-2.0
//
// Commands that go from where one is to another place of the same thread.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "debugger/commands.h"
#include "debugger/texts.h"
#include "debugger/times.h"
#include "report/process_names.h"

namespace vtn::debugger {

namespace {

constexpr char kAtEnd[] = "at the end of the trace";
constexpr char kAtBeginning[] = "at the beginning of the trace";
constexpr size_t kShownWord = 80;

// How it went and where it is now. Nothing has moved: an error.
Result<std::string> arrived(Debugger& debugger, Went went, bool forward) {
  if (went == Went::kNowhere) {
    return fail(forward ? kAtEnd : kAtBeginning);
  }
  debugger.up = 0;
  VTN_ASSIGN(const std::string place, place_text(debugger));
  return went == Went::kToEnd         ? std::string(kAtEnd) + "\n" + place
         : went == Went::kToBeginning ? std::string(kAtBeginning) + "\n" + place
                                      : place;
}

// As often as is said, or until it goes no further.
template <class Move>
Result<std::string> repeated(
    Debugger& debugger, std::string_view rest, const char* name, bool forward, Move move) {
  VTN_ASSIGN(const uint64_t count, parse_count(rest, name, 1));
  Cursor& cursor = debugger.cursor;
  const Cursor before = cursor;
  Went went = Went::kThere;
  for (uint64_t i = 0; i < count && went == Went::kThere; ++i) {
    auto gone = move(cursor);
    if (!gone) {
      cursor = before;
      return fail(gone.error().message, gone.error().code);
    }
    // The last of several that does not move any more has reached the end all the same.
    went = *gone == Went::kNowhere && i > 0 ? (forward ? Went::kToEnd : Went::kToBeginning) : *gone;
    if (i % 1024 == 1023) {
      if (const Status on = debugger.recording.go_on(); !on) {
        cursor = before;
        return fail(on.error().message, on.error().code);
      }
    }
  }
  return arrived(debugger, went, forward);
}

// Steps are ops: many are one jump.
Result<std::string> run_step(Debugger& debugger, std::string_view rest) {
  VTN_ASSIGN(const uint64_t count, parse_count(rest, "step", 1));
  Cursor& cursor = debugger.cursor;
  const uint64_t left = debugger.timeline().ops() - cursor.place();
  if (left == 0) {
    return fail(kAtEnd);
  }
  VTN_TRY(cursor.go(cursor.place() + std::min(left, count)));
  return arrived(debugger, count > left ? Went::kToEnd : Went::kThere, true);
}

Result<std::string> run_step_back(Debugger& debugger, std::string_view rest) {
  VTN_ASSIGN(const uint64_t count, parse_count(rest, "stepback", 1));
  Cursor& cursor = debugger.cursor;
  const uint64_t left = cursor.place();
  if (left == 0) {
    return fail(kAtBeginning);
  }
  VTN_TRY(cursor.go(left - std::min(left, count)));
  return arrived(debugger, count > left ? Went::kToBeginning : Went::kThere, false);
}

Result<std::string> run_next(Debugger& debugger, std::string_view rest) {
  return repeated(debugger, rest, "next", true, [](Cursor& cursor) { return cursor.next(); });
}

Result<std::string> run_next_back(Debugger& debugger, std::string_view rest) {
  return repeated(
      debugger, rest, "nextback", false, [](Cursor& cursor) { return cursor.next_back(); });
}

// Of what is looked at, then of the innermost call each time.
Result<std::string> run_return(Debugger& debugger, std::string_view rest) {
  uint32_t up = debugger.up;
  return repeated(debugger, rest, "return", true, [&](Cursor& cursor) -> Result<Went> {
    VTN_ASSIGN(const uint32_t depth, cursor.timeline().depth_at(cursor.place()));
    const uint32_t above = up;
    up = 0;
    return cursor.leave(depth == 0 ? 0 : depth - 1 - above);
  });
}

Result<std::string> run_return_back(Debugger& debugger, std::string_view rest) {
  uint32_t up = debugger.up;
  return repeated(debugger, rest, "returnback", false, [&](Cursor& cursor) -> Result<Went> {
    VTN_ASSIGN(const uint32_t depth, cursor.timeline().depth_at(cursor.place()));
    const uint32_t above = up;
    up = 0;
    return cursor.leave_back(depth == 0 ? 0 : depth - 1 - above);
  });
}

Result<std::string> run_until(Debugger& debugger, std::string_view rest) {
  uint32_t line = 0;
  if (rest.empty()) {
    VTN_ASSIGN(const uint32_t depth, debugger.timeline().depth_at(debugger.cursor.place()));
    if (depth != 0) {
      VTN_ASSIGN(const CurrentLine current, current_line(debugger, depth - 1));
      line = current.line;
    }
  } else {
    VTN_ASSIGN(const uint64_t wanted, parse_count(rest, "until", 1));
    line = static_cast<uint32_t>(std::min<uint64_t>(wanted, UINT32_MAX) - 1);
  }
  VTN_ASSIGN(const Went went, debugger.cursor.until(line));
  return arrived(debugger, went, true);
}

Status go_to_time(Debugger& debugger, const AskedTime& asked) {
  const uint64_t now_ns = debugger.cursor.now_ns();
  uint64_t ns = asked.ns;
  if (asked.sign < 0) {
    ns = now_ns > asked.ns ? now_ns - asked.ns : 0;
  } else if (asked.sign > 0 && __builtin_add_overflow(now_ns, asked.ns, &ns)) {
    ns = UINT64_MAX;
  }
  // What comes behind the recording's end is the end.
  return debugger.cursor.go_to_time(std::min(ns, debugger.recording.length_ns()));
}

Result<std::string> run_timestamp(Debugger& debugger, std::string_view rest) {
  if (rest.empty()) {
    return time_text(debugger.cursor.now_ns()) + "\n";
  }
  const auto asked = parse_time(rest);
  if (!asked) {
    return fail("t takes 1 or no argument: " + asked.error().message);
  }
  VTN_TRY(go_to_time(debugger, *asked));
  return arrived(debugger, Went::kThere, true);
}

Result<uint64_t> parse_number(std::string_view text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) {
    return fail("it is no number");
  }
  return number;
}

// "#17" of the thread at hand, "#2.17". A call that began before the first op is gone into at the
// thread's beginning.
Result<std::string> jump_to_call(Debugger& debugger, std::string_view id) {
  const Recording& recording = debugger.recording;
  std::string_view number_text = id.substr(1);
  Timeline* timeline = &debugger.timeline();
  if (const size_t point = number_text.find('.'); point != number_text.npos) {
    const auto thread = parse_number(number_text.substr(0, point));
    if (!thread || *thread == 0 || *thread > recording.threads().size()) {
      return fail("No such thread: " + report::one_line(id, kShownWord) +
                  " ('threads' lists them)");
    }
    timeline = &debugger.timeline_of(recording.threads()[*thread - 1]);
    number_text = number_text.substr(point + 1);
  }
  const auto number = parse_number(number_text);
  if (!number || *number == 0 || *number > timeline->calls()) {
    return fail(fmt::format("No such call: {} (thread {} has #1 to #{})",
                            report::one_line(id, kShownWord),
                            recording.number_of(timeline->thread()),
                            timeline->calls()));
  }
  VTN_ASSIGN(const auto begin, timeline->begin_of_number(*number));
  Cursor there(*timeline);
  if (begin) {
    VTN_TRY(there.go_behind(*begin));
  }
  debugger.cursor = there;
  return arrived(debugger, Went::kThere, true);
}

Result<std::string> run_jump(Debugger& debugger, std::string_view rest) {
  if (rest.starts_with('#')) {
    return jump_to_call(debugger, rest);
  }
  if (rest == "start") {
    VTN_TRY(debugger.cursor.go(0));
  } else if (rest == "end") {
    VTN_TRY(debugger.cursor.go(debugger.timeline().ops()));
  } else {
    const auto asked = parse_time(rest);
    if (!asked) {
      return fail(asked.error().message + ", #CALL, start or end");
    }
    VTN_TRY(go_to_time(debugger, *asked));
  }
  return arrived(debugger, Went::kThere, true);
}

constexpr Command kCommands[] = {
    {"step s",
     "[COUNT]",
     "into the next call, or out of this one; so many times",
     Completes::kNothing,
     run_step},
    {"stepback sb", "[COUNT]", "the same backwards", Completes::kNothing, run_step_back},
    {"next n", "[COUNT]", "over the next call, or out of this one", Completes::kNothing, run_next},
    {"nextback nb", "[COUNT]", "the same backwards", Completes::kNothing, run_next_back},
    {"return r",
     "[COUNT]",
     "forward to where the call that is looked at has ended",
     Completes::kNothing,
     run_return},
    {"returnback rb",
     "[COUNT]",
     "back to where it will be called",
     Completes::kNothing,
     run_return_back},
    {"until unt",
     "[LINE]",
     "to the next call that is made below this line (from LINE on), or out of this one",
     Completes::kNothing,
     run_until},
    {"jump j",
     "TIME|#CALL|start|end",
     "to a time (1.5s, 200ms, +5us), or into a call (#17, #2.17)",
     Completes::kNothing,
     run_jump},
    {"timestamp t ts",
     "[TIME]",
     "says the time, or goes there; without a unit it counts microseconds",
     Completes::kNothing,
     run_timestamp},
};

}  // namespace

std::span<const Command> moving_commands() { return kCommands; }

}  // namespace vtn::debugger

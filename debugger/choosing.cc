// SPDX-License-Identifier: Apache-2.0
//
// Commands that go to another thread or process at the same time, and what no other file has.
#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "debugger/commands.h"
#include "debugger/texts.h"
#include "debugger/times.h"
#include "report/process_names.h"

namespace vtn::debugger {

namespace {

constexpr size_t kShownName = 200;
constexpr size_t kShownWord = 80;

std::string thread_line(Debugger& debugger, uint32_t thread) {
  const Recording& recording = debugger.recording;
  const report::ProcessInfo& process = recording.process_of(thread);
  const spool::ThreadInfo& info = recording.thread(thread);
  const uint64_t first_ns = recording.since_zero(recording.clock().to_ns(info.first_ticks));
  const uint64_t last_ns = recording.since_zero(recording.clock().to_ns(info.last_ticks));
  return fmt::format("{} {:3}  pid {} {}, tid {} {}: {} calls, {} to {}\n",
                     thread == debugger.timeline().thread() ? '>' : ' ',
                     recording.number_of(thread),
                     process.shown_pid,
                     report::one_line(process.name, kShownName),
                     info.tid,
                     report::one_line(recording.name_of(thread), kShownName),
                     debugger.timeline_of(thread).calls(),
                     time_text(first_ns),
                     time_text(last_ns));
}

Result<std::string> run_threads(Debugger& debugger, std::string_view /*rest*/) {
  std::string text;
  for (const uint32_t thread : debugger.recording.threads()) {
    text += thread_line(debugger, thread);
  }
  return text;
}

std::optional<uint64_t> number_in(std::string_view text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end ? std::optional<uint64_t>(number) : std::nullopt;
}

Result<std::string> switched(Debugger& debugger, uint32_t thread) {
  VTN_TRY(debugger.switch_to(thread));
  VTN_ASSIGN(const std::string place, place_text(debugger));
  return thread_line(debugger, thread) + place;
}

Result<std::string> run_thread(Debugger& debugger, std::string_view rest) {
  if (rest.empty()) {
    return thread_line(debugger, debugger.timeline().thread());
  }
  const std::vector<uint32_t>& threads = debugger.recording.threads();
  const auto number = number_in(rest);
  if (number && *number > 0 && *number <= threads.size()) {
    return switched(debugger, threads[*number - 1]);
  }
  for (const uint32_t thread : threads) {
    if (!number && debugger.recording.name_of(thread) == rest) {
      return switched(debugger, thread);
    }
  }
  return fail("No such thread: " + report::one_line(rest, kShownWord) + " ('threads' lists them)");
}

// One of the process that one is in comes first: tids come back.
Result<std::string> run_tid(Debugger& debugger, std::string_view rest) {
  if (rest.empty()) {
    return run_threads(debugger, rest);
  }
  const auto tid = number_in(rest);
  if (!tid) {
    return fail("tid needs to be an integer");
  }
  const Recording& recording = debugger.recording;
  const uint32_t here = recording.process_of(debugger.timeline().thread()).number;
  std::optional<uint32_t> found;
  for (const uint32_t thread : recording.threads()) {
    if (recording.thread(thread).tid != *tid) {
      continue;
    }
    if (!found || (recording.process_of(*found).number != here &&
                   recording.process_of(thread).number == here)) {
      found = thread;
    }
  }
  return found ? switched(debugger, *found) : fail(fmt::format("No such tid: {}", *tid));
}

Result<std::string> run_processes(Debugger& debugger, std::string_view /*rest*/) {
  const Recording& recording = debugger.recording;
  const uint32_t here = recording.process_of(debugger.timeline().thread()).number;
  std::string text;
  for (const uint32_t number : recording.picture().tree.order) {
    const report::ProcessInfo& process = recording.picture().info(number);
    uint64_t calls = 0;
    for (const uint32_t thread : recording.picture().processes[number].threads) {
      calls += debugger.timeline_of(thread).calls();
    }
    text += fmt::format("{} {:{}}pid {} {}: ",
                        number == here ? '>' : ' ',
                        "",
                        2 * std::min(process.depth, 40u),
                        process.shown_pid,
                        report::one_line(process.name, kShownName));
    text += calls != 0 ? fmt::format("{} calls of {} threads\n",
                                     calls,
                                     recording.picture().processes[number].threads.size())
                       : report::one_line(report::ledger_text(process), kShownName) + "\n";
  }
  return text;
}

Result<std::string> run_pid(Debugger& debugger, std::string_view rest) {
  if (rest.empty()) {
    return run_processes(debugger, rest);
  }
  const auto pid = number_in(rest);
  if (!pid) {
    return fail("pid needs to be an integer");
  }
  const Recording& recording = debugger.recording;
  for (const uint32_t number : recording.picture().order) {
    const report::Picture::Process& process = recording.picture().processes[number];
    if (recording.picture().info(number).shown_pid != *pid) {
      continue;
    }
    if (process.threads.empty()) {
      return fail(fmt::format("pid {} recorded no calls", *pid));
    }
    return switched(
        debugger,
        process.main_thread != report::kNothing ? process.main_thread : process.threads.front());
  }
  return fail(fmt::format("No such pid: {}", *pid));
}

Result<std::string> run_help(Debugger& /*debugger*/, std::string_view rest) {
  if (rest.empty()) {
    return help_of_commands();
  }
  const Command* const command = command_named(rest);
  return command != nullptr ? Result<std::string>(help_of_command(*command))
                            : fail("Invalid command: " + report::one_line(rest, kShownWord));
}

Result<std::string> run_quit(Debugger& debugger, std::string_view /*rest*/) {
  debugger.over = true;
  return std::string();
}

constexpr Command kCommands[] = {
    {"threads", "", "all that recorded calls", Completes::kNothing, run_threads},
    {"thread",
     "[NUMBER|NAME]",
     "to another one, at the same time",
     Completes::kNothing,
     run_thread},
    {"tid", "[TID]", "likewise, by the kernel's number", Completes::kNothing, run_tid},
    {"processes", "", "the process tree", Completes::kNothing, run_processes},
    {"pid",
     "[PID]",
     "to the main thread of another process, at the same time",
     Completes::kNothing,
     run_pid},
    {"help h ?", "[COMMAND]", "this list, or a line of it", Completes::kCommands, run_help},
    {"quit q exit", "", "ends the debugger", Completes::kNothing, run_quit},
};

}  // namespace

std::span<const Command> choosing_commands() { return kCommands; }

}  // namespace vtn::debugger

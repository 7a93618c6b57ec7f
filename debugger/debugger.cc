// SPDX-License-Identifier: Apache-2.0
#include "debugger/debugger.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/file.h"
#include "debugger/commands.h"
#include "debugger/texts.h"
#include "debugger/times.h"
#include "report/process_names.h"

namespace vtn::debugger {

namespace {

constexpr size_t kMostCompletions = 500;
constexpr size_t kShownWord = 80;

uint64_t recorded_ns(const Recording& recording) {
  const spool::Model& model = recording.model();
  return model.clock.empty() ? model.header.created_realtime_ns : model.clock.back().realtime_ns;
}

}  // namespace

Debugger::Debugger(const Recording& of)
    : recording(of), cursor(timeline_of(of.threads().front())), source(recorded_ns(of)) {}

Timeline& Debugger::timeline_of(uint32_t thread) {
  std::unique_ptr<Timeline>& timeline = timelines_[thread];
  if (timeline == nullptr) {
    timeline = std::make_unique<Timeline>(recording, thread);
  }
  return *timeline;
}

Status Debugger::switch_to(uint32_t thread) {
  Cursor other(timeline_of(thread));
  VTN_TRY(other.go_to_time(cursor.now_ns()));
  cursor = other;
  up = 0;
  return {};
}

Result<std::optional<uint32_t>> Debugger::level() {
  VTN_ASSIGN(const uint32_t depth, timeline().depth_at(cursor.place()));
  return depth == 0 ? std::optional<uint32_t>() : std::optional<uint32_t>(depth - 1 - up);
}

std::string Debugger::greeting() {
  const spool::Model& model = recording.model();
  uint64_t calls = 0;
  for (const uint32_t thread : recording.threads()) {
    calls += timeline_of(thread).calls();
  }
  std::string text = fmt::format("{}: {} calls of {} threads, {}{}. 'help' lists the commands.\n",
                                 report::one_line(name_of(recording.spool().path()), 200),
                                 calls,
                                 recording.threads().size(),
                                 time_text(recording.length_ns()),
                                 model.truncated ? "; the file was cut short" : "");
  const auto place = place_text(*this);
  return text + (place ? *place : place.error().message + "\n");
}

Debugger::Answer Debugger::answer(std::string_view line) {
  std::string_view rest = trimmed(line);
  if (rest.empty() || rest.front() == '#') {
    return {};
  }
  const std::string_view word = take_word(rest);
  const Command* const command = command_named(word);
  if (command == nullptr) {
    return {"Invalid command: " + report::one_line(word, kShownWord) +
                " ('help' lists those there are)\n",
            true,
            false};
  }
  auto text = command->run(*this, rest);
  if (!text) {
    return {text.error().message + "\n", true, false};
  }
  return {std::move(*text), false, over};
}

std::vector<std::string> Debugger::completions(std::string_view line) const {
  std::set<std::string> found;
  std::string_view rest = line.substr(std::min(line.find_first_not_of(' '), line.size()));
  const size_t space = rest.find(' ');
  Completes what = Completes::kCommands;
  std::string_view begun = rest;
  if (space != rest.npos) {
    const Command* const command = command_named(rest.substr(0, space));
    what = command != nullptr ? command->completes : Completes::kNothing;
    begun = rest.substr(space);
    begun = begun.substr(std::min(begun.find_first_not_of(' '), begun.size()));
  }
  if (what == Completes::kCommands) {
    for (const CommandGroup& group : command_groups()) {
      for (const Command& command : group.commands) {
        const std::string_view name = names_of(command).front();
        if (name.starts_with(begun)) {
          found.insert(std::string(name));
        }
      }
    }
  } else if (what == Completes::kFunctions) {
    for (const spool::FunctionInfo& function : image().functions) {
      if (function.kind != FunctionKind::kInstant && function.kind != FunctionKind::kCounter &&
          function.name.starts_with(begun) && found.size() < kMostCompletions) {
        found.insert(report::one_line(function.name, function.name.size() + 1));
      }
    }
  }
  return {found.begin(), found.end()};
}

}  // namespace vtn::debugger

// SPDX-License-Identifier: Apache-2.0
#include "debugger/conversation.h"

#include <memory>

#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "debugger/debugger.h"
#include "debugger/lines.h"

namespace vtn::debugger {

namespace {

constexpr char kPrompt[] = ">>> ";

// `interrupts`: of a terminal; else null.
Status converse_with(Debugger& debugger,
                     Lines& lines,
                     Interrupts* interrupts,
                     const ConversationSettings& settings) {
  const bool at_terminal = interrupts != nullptr;
  uint64_t number = 0;
  std::string last;
  while (auto line = lines.next()) {
    ++number;
    if (at_terminal && line->empty() && !lines.interrupted()) {
      line = last;  // Enter does it again
    }
    last = line->empty() ? last : *line;
    Debugger::Answer answer = debugger.answer(*line);
    if (at_terminal && answer.failed) {
      interrupts->take();  // it was this command that was given up
    }
    if (settings.extra_newline) {
      answer.text += "\n";
    }
    VTN_TRY(write_all(STDOUT_FILENO, answer.text));
    if (answer.quit) {
      return {};
    }
    if (answer.failed && settings.strict) {
      answer.text.resize(answer.text.find('\n'));
      return fail(fmt::format("line {}: {}", number, answer.text));
    }
  }
  return at_terminal ? write_all(STDOUT_FILENO, "\n") : Status();
}

}  // namespace

Status converse(Recording& recording, const ConversationSettings& settings) {
  Debugger debugger(recording);
  if (settings.batch || isatty(STDIN_FILENO) != 1) {
    const auto lines = plain_lines(STDIN_FILENO, STDOUT_FILENO, "", nullptr);
    return converse_with(debugger, *lines, nullptr, settings);
  }
  Interrupts interrupts;
  recording.given_up = [&] { return interrupts.pending(); };
  Status status = write_all(STDOUT_FILENO, debugger.greeting());
  std::unique_ptr<Lines> lines;
  if (isatty(STDOUT_FILENO) == 1) {
    lines = edited_lines(
        kPrompt, [&](const std::string& line) { return debugger.completions(line); }, interrupts);
  }
  if (lines == nullptr) {
    lines = plain_lines(STDIN_FILENO, STDOUT_FILENO, kPrompt, &interrupts);
  }
  if (status) {
    status = converse_with(debugger, *lines, &interrupts, settings);
  }
  recording.given_up = nullptr;
  return status;
}

}  // namespace vtn::debugger

// SPDX-License-Identifier: Apache-2.0
#include "debugger/conversation.h"

#include <atomic>
#include <memory>

#include <signal.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "debugger/debugger.h"
#include "debugger/lines.h"

namespace vtn::debugger {

namespace {

constexpr char kPrompt[] = ">>> ";

std::atomic<bool> g_interrupted{false};

void note_interrupt(int /*signal*/) { g_interrupted.store(true, std::memory_order_relaxed); }

// Ctrl-C gives up what takes long, or drops the line, and is not the end. Back to what it was at
// the end.
class InterruptHandler {
 public:
  InterruptHandler() {
    struct sigaction ours = {};
    ours.sa_handler = note_interrupt;  // no SA_RESTART: a read at the prompt ends
    (void)sigaction(SIGINT, &ours, &before_);
  }
  ~InterruptHandler() { (void)sigaction(SIGINT, &before_, nullptr); }
  InterruptHandler(const InterruptHandler&) = delete;
  InterruptHandler& operator=(const InterruptHandler&) = delete;

 private:
  struct sigaction before_ = {};
};

Status converse_with(Debugger& debugger, Lines& lines, bool at_terminal,
                     const ConversationSettings& settings) {
  uint64_t number = 0;
  std::string last;
  while (auto line = lines.next()) {
    ++number;
    const bool interrupted = g_interrupted.exchange(false, std::memory_order_relaxed);
    if (at_terminal && line->empty() && !interrupted) {
      line = last;  // Enter does it again
    }
    last = line->empty() ? last : *line;
    Debugger::Answer answer = debugger.answer(*line);
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
  const bool at_terminal = !settings.batch && isatty(STDIN_FILENO) == 1;
  if (!at_terminal) {
    return converse_with(debugger, *plain_lines(STDIN_FILENO, STDOUT_FILENO, ""), false, settings);
  }
  const InterruptHandler handler;
  recording.given_up = [] { return g_interrupted.load(std::memory_order_relaxed); };
  VTN_TRY(write_all(STDOUT_FILENO, debugger.greeting()));
  std::unique_ptr<Lines> lines;
  if (isatty(STDOUT_FILENO) == 1) {
    lines = edited_lines(kPrompt,
                         [&](const std::string& line) { return debugger.completions(line); });
  }
  if (lines == nullptr) {
    lines = plain_lines(STDIN_FILENO, STDOUT_FILENO, kPrompt);
  }
  const Status status = converse_with(debugger, *lines, true, settings);
  recording.given_up = nullptr;
  return status;
}

}  // namespace vtn::debugger

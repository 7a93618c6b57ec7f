// SPDX-License-Identifier: Apache-2.0
#include "launcher/open_report.h"

#include <algorithm>
#include <string>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "launcher/commands/browser.h"
#include "launcher/commands/show.h"

namespace vtn::launcher {

namespace {

// Many systems of continuous integration have a terminal, but nobody at it.
bool somebody_is_there() { return isatty(STDERR_FILENO) != 0 && getenv("CI") == nullptr; }

// Ctrl-Z is as in any other command.
void let_stop() {
  sigset_t stops;
  sigemptyset(&stops);
  for (const int number : {SIGTSTP, SIGTTIN, SIGTTOU}) {
    sigaddset(&stops, number);
  }
  (void)sigprocmask(SIG_UNBLOCK, &stops, nullptr);
}

}  // namespace

const report::Output* shown_output(const std::vector<report::Output>& outputs) {
  const auto found = std::find_if(outputs.begin(), outputs.end(), [](const report::Output& output) {
    return is_shown_format(output.path);
  });
  return found == outputs.end() ? nullptr : &*found;
}

void open_report(const std::vector<report::Output>& outputs, const std::function<void()>& end) {
  const report::Output* const output = shown_output(outputs);
  if (output == nullptr) {
    return;
  }
  ShowRequest request;
  request.path = output->path;
  request.end = [&](int) { end(); };
  // Stdout is the program's.
  request.say = [](const std::string& line) {
    (void)write_all(STDERR_FILENO, "viztracer-native: " + line + "\n");
  };
  if (!somebody_is_there()) {
    if (const Status possible = can_start_browser(); !possible) {
      log_warning("--open: no browser is started: %s; viztracer-native view %s shows the report",
                  possible.error().message.c_str(),
                  output->path.c_str());
      return;
    }
    request.once = true;
    request.idle_ms = kOnceTimeoutS * 1000;
  }
  let_stop();
  (void)show(request);
}

}  // namespace vtn::launcher

// SPDX-License-Identifier: Apache-2.0
#include "launcher/open_report.h"

#include <algorithm>
#include <string>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "launcher/commands/browser.h"
#include "launcher/commands/show.h"
#include "launcher/parent/signals.h"

namespace vtn::launcher {

namespace {

// Whether there is a terminal whose Ctrl-C comes here. Many systems of continuous integration have
// one, but nobody at it.
bool somebody_is_there() {
  return isatty(STDERR_FILENO) != 0 && tcgetpgrp(STDERR_FILENO) == getpgrp() &&
         !is_ignored(SIGINT) && getenv("CI") == nullptr;
}

// Ctrl-Z is as in any other command.
void let_stop() {
  sigset_t stops;
  sigemptyset(&stops);
  for (const int number : {SIGTSTP, SIGTTIN, SIGTTOU}) {
    sigaddset(&stops, number);
  }
  (void)sigprocmask(SIG_UNBLOCK, &stops, nullptr);
}

// Until it has ended; or is told to by what tells this process.
void wait_until_shown(pid_t child) {
  sigset_t wanted = heeded_end_signals();
  sigaddset(&wanted, SIGCHLD);
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (const int number = sigwaitinfo(&wanted, nullptr); number > 0 && number != SIGCHLD) {
      (void)kill(child, SIGTERM);
      (void)waitpid(child, &status, 0);
      return;
    }
  }
}

}  // namespace

const report::Output* shown_output(const std::vector<report::Output>& outputs) {
  const auto found = std::find_if(outputs.begin(), outputs.end(), [](const report::Output& output) {
    return is_shown_format(output.path);
  });
  return found == outputs.end() ? nullptr : &*found;
}

void say_how_to_open(const std::vector<report::Output>& outputs) {
  if (const report::Output* const output = shown_output(outputs); output != nullptr) {
    log_info("viztracer-native view %s shows the report", output->path.c_str());
  }
}

void open_report(const std::vector<report::Output>& outputs) {
  const report::Output* const output = shown_output(outputs);
  if (output == nullptr) {
    return;
  }
  ShowRequest request;
  request.path = output->path;
  request.end = [](int) { _exit(0); };
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
  const pid_t child = fork();
  if (child < 0) {
    log_warning("%s", Status(fail_errno("cannot show the report")).error().message.c_str());
    return;
  }
  if (child == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)show(request);
    _exit(0);
  }
  wait_until_shown(child);
}

}  // namespace vtn::launcher

// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "collector/program_end.h"
#include "launcher/parent/signals.h"

namespace vtn::launcher {

namespace {

constexpr time_t kGiveUpSeconds = 2;  // for the worker to tidy up in

// Whether the worker has ended; other children are reaped on the way.
bool reap(pid_t worker, int& status) {
  bool ended = false;
  int seen = 0;
  for (pid_t pid = 0; (pid = waitpid(-1, &seen, WNOHANG | WUNTRACED)) > 0;) {
    if (pid != worker) {
      continue;
    }
    if (WIFSTOPPED(seen)) {
      (void)kill(worker, SIGCONT);  // nobody else will
    } else {
      status = seen;
      ended = true;
    }
  }
  return ended;
}

bool is_stop_signal(int number) {
  return number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

}  // namespace

Result<pid_t> internal::fork_worker() {
  const pid_t pid = fork();
  if (pid < 0) {
    return fail_errno("cannot fork");
  }
  return pid;
}

void let_go_of_standard_files() {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0) {
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(null, STDOUT_FILENO);
    if (null > 2) {
      (void)close(null);
    }
  }
}

void internal::enter_worker() {
  (void)setsid();
  let_go_of_standard_files();
}

void internal::leave_worker(int status) { _exit(status); }

ReportWait wait_for_report(pid_t worker, const std::string& first_interrupt) {
  ReportWait result;
  sigset_t all;
  sigfillset(&all);
  bool may_interrupt = first_interrupt.empty();
  (void)kill(worker, SIGCONT);
  int status = 0;
  while (!reap(worker, status)) {
    siginfo_t info;
    const timespec patience = {kGiveUpSeconds, 0};
    const int number =
        result.given_up ? sigtimedwait(&all, &info, &patience) : sigwaitinfo(&all, &info);
    if (number < 0) {
      if (errno == EAGAIN) {
        (void)kill(worker, SIGKILL);
      }
    } else if (is_stop_signal(number)) {
      (void)raise(SIGSTOP);
    } else if (!is_end_signal(number) || is_ignored(number) || result.given_up) {
      continue;
    } else if (result.interrupted = true; !may_interrupt) {
      log_info("%s", first_interrupt.c_str());
      (void)kill(worker, collector::kStopWaitingSignal);
      may_interrupt = true;
    } else {
      result.given_up = true;
      result.signal = number;
      (void)kill(worker, collector::kGiveUpSignal);
    }
  }
  result.killed = WIFSIGNALED(status) && !result.given_up;
  result.complete = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return result;
}

}  // namespace vtn::launcher

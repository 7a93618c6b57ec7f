// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent/signals.h"

#include <algorithm>
#include <iterator>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vtn::launcher {

InheritedSignals take_over_signals() {
  InheritedSignals inherited = {};
  sigset_t all;
  sigfillset(&all);
  (void)sigprocmask(SIG_BLOCK, &all, &inherited.mask);
  inherited.child_ignored = is_ignored(SIGCHLD);
  if (inherited.child_ignored) {
    // Before the first fork: setting it later would discard a pending one.
    (void)signal(SIGCHLD, SIG_DFL);
  }
  return inherited;
}

void give_back_signals(const InheritedSignals& inherited) {
  if (inherited.child_ignored) {
    (void)signal(SIGCHLD, SIG_IGN);
  }
  (void)sigprocmask(SIG_SETMASK, &inherited.mask, nullptr);
}

bool is_end_signal(int signal) {
  return std::ranges::find(kEndSignals, signal) != std::end(kEndSignals);
}

sigset_t heeded_end_signals() {
  sigset_t heeded;
  sigemptyset(&heeded);
  for (const int number : kEndSignals) {
    if (!is_ignored(number)) {
      sigaddset(&heeded, number);
    }
  }
  return heeded;
}

bool is_ignored(int signal) {
  struct sigaction action;
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

void forward_signal(pid_t to, const siginfo_t& info) {
  if (info.si_code == SI_QUEUE) {
    siginfo_t copy = info;
    if (syscall(SYS_rt_sigqueueinfo, to, info.si_signo, &copy) == 0) {
      return;
    }
  }
  (void)kill(to, info.si_signo);
}

void end_as(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const int number = WTERMSIG(wait_status);
    const rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)signal(number, SIG_DFL);
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, number);
    (void)kill(getpid(), number);
    (void)sigprocmask(SIG_UNBLOCK, &only, nullptr);
    _exit(128 + number);  // the first process of a container cannot die of a signal
  }
  _exit(WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 1);
}

}  // namespace vtn::launcher

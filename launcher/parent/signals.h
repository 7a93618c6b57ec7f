// SPDX-License-Identifier: Apache-2.0
//
// Signals of the launcher's processes. All are blocked from before the first fork and taken one at
// a time with sigwaitinfo(2); dispositions stay as they were inherited (nohup), save SIGCHLD's.
// A fault of our own still kills: the kernel does not let a blocked fault be ignored.
#pragma once

#include <signal.h>
#include <sys/types.h>

namespace vtn::launcher {

// How signals were when the launcher was started: what the program must find.
struct InheritedSignals {
  sigset_t mask;
  bool child_ignored;  // SIGCHLD was SIG_IGN: then the kernel would reap behind our back
};

// Blocks everything and makes SIGCHLD reportable. Before the first fork.
InheritedSignals take_over_signals();

// In the child, before exec: as if we had not been there.
void give_back_signals(const InheritedSignals& inherited);

// What ends a command that waits.
inline constexpr int kEndSignals[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};
bool is_end_signal(int signal);
// Those that were not ignored when the launcher was started.
sigset_t heeded_end_signals();

// Whether the signal was ignored when the launcher was started.
bool is_ignored(int signal);

// Sends `info`'s signal on, with its value if it was queued with one.
void forward_signal(pid_t to, const siginfo_t& info);

// Ends this process with the status that waitpid(2) gave for another: exits with its exit status,
// or dies of its signal, without a core of its own.
[[noreturn]] void end_as(int wait_status);

}  // namespace vtn::launcher

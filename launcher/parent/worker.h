// SPDX-License-Identifier: Apache-2.0
//
// A child of the launcher that does not take part in the program's life: a session of its own (so
// that Ctrl-Z, Ctrl-C and group kills pass it by), all signals blocked, stdin and stdout on
// /dev/null. The collector, and whatever else writes a report.
#pragma once

#include <string>

#include <sys/types.h>

#include "base/result.h"

namespace vtn::launcher {

// Forks and runs `body` there; its result is the exit status. Signals must be blocked already.
template <class Body>
Result<pid_t> start_worker(const Body& body);

// How waiting for the report ended.
struct ReportWait {
  bool complete = false;     // it exited with 0
  bool killed = false;       // a signal killed it, not on our account
  bool interrupted = false;  // a signal came that ends what waits
  bool given_up = false;     // the user did not want to wait; it was told to stop, and has
  int signal = 0;            // by which signal he said so
};

// Waits until the worker has ended. If `first_interrupt` (a line) is not empty, the first Ctrl-C,
// SIGTERM, SIGQUIT or SIGHUP only says what a second would do, and ends the wait for children if
// the worker is at that: a service manager's may be meant for the program, and come a moment late.
// A further one gives the report up. A worker that somebody has stopped is continued.
ReportWait wait_for_report(pid_t worker, const std::string& first_interrupt);

// Puts /dev/null in the place of stdin and stdout; stderr stays for the last lines. A pipe that the
// program writes to must break when its reader goes, and a terminal's stdin is the program's alone.
void let_go_of_standard_files();

namespace internal {
Result<pid_t> fork_worker();
// The rest in the child.
void enter_worker();

[[noreturn]] void leave_worker(int status);
}  // namespace internal

template <class Body>
Result<pid_t> start_worker(const Body& body) {
  VTN_ASSIGN(const pid_t pid, internal::fork_worker());
  if (pid == 0) {
    internal::enter_worker();
    internal::leave_worker(body());
  }
  return pid;
}

}  // namespace vtn::launcher

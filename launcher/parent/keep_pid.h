// SPDX-License-Identifier: Apache-2.0
//
// --keep_pid: the launcher's process becomes the program, as an `exec` in a shell script does. For
// whoever goes by the process id: service managers (Type=notify, MAINPID), pid files, wrappers.
//
//   launcher ── execve ──▶ the program          same pid, parent, session and signals as plain
//      └─ fork, setsid, fork ─▶ the guardian    no relative of the program's, but the
//                                               collector's parent
//
// The guardian knows the program by a pidfd. What differs from an ordinary run:
//
//   * The report is finished a moment after the program has ended, not before the command returns.
//     stderr stays open that long, so who reads it to its end has waited for the report.
//   * How the program ended is known if its parent has not waited for it yet, or the kernel is
//     Linux 6.15 or later; else the report says null.
//   * Ctrl-C, SIGTERM and the like never give the report up. Killing the guardian ends the
//     recording, not the program.
//   * Nothing stands in for the program when it is stopped, signalled or killed.
#pragma once

#include "base/result.h"
#include "launcher/parent/supervisor.h"

namespace vtn::launcher {

// Does not return if the program could be started; else its result is the status of a shell that
// could not, as supervise() has it.
int run_keeping_pid(const SupervisorRequest& request);

// Records a process that runs already, `program`, until it ends: the guardian of the session that
// it will be in. Returns when that can be recorded into; the guardian lives on, no relative of
// anybody's.
Status start_guardian_of(const SupervisorRequest& request, pid_t program);

// Waits for the guardian at the other end of `channel`. False: it has not said so far that it is
// ready. An error: there is none.
Result<bool> guardian_is_ready(int channel, int timeout_ms);

}  // namespace vtn::launcher

// SPDX-License-Identifier: Apache-2.0
//
// Starts the program: the supervisor's direct child, in its process group, bound to its life.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "launcher/parent/signals.h"
#include "session/session.h"

namespace vtn::launcher {

struct Command {
  std::string file;
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  // Where nothing of ours can be in the program: the slot that says what it is. Published when it
  // is executed.
  ProcessSlot* announced = nullptr;
  ControlPage* control = nullptr;  // of the session that the slot is of
};

// Fills in that slot, with why (VTN_UNTRACED_...): the first one of a session that nobody else
// knows yet.
void announce(const session::Session& session, uint32_t reason, Command& image);

// Returns when exec has succeeded. An error's code is execve's errno. A text file that no
// interpreter is named for is run by /bin/sh, as a shell would. Only from the main thread: the
// program dies with the thread that forked it.
Result<pid_t> start_program(const Command& image, const InheritedSignals& inherited);

// Becomes the program. Returns only if that fails, as start_program does.
Error exec_program(const Command& image, const InheritedSignals& inherited);

// The status that a shell ends with that could not start a program for this errno.
int shell_status_of(int error_code);
// The same as waitpid(2) has it.
int status_of_failed_start(const Error& error);

// LD_PRELOAD with `shim` behind what the user has there.
std::string preload_value(const std::string* users_own, const std::string& shim);

}  // namespace vtn::launcher

// SPDX-License-Identifier: Apache-2.0
//
// The supervisor: the program's parent, and all that a shell sees of it. Passes on what is sent to
// it, stops and continues with the program, ends as the program ended, after the report.
#pragma once

#include <string>
#include <vector>

#include "launcher/parent/collector_process.h"
#include "launcher/parent/program.h"
#include "launcher/parent/signals.h"
#include "session/session.h"

namespace vtn::launcher {

struct SupervisorRequest {
  Command program;
  InheritedSignals signals;                   // from take_over_signals(): they are blocked already
  const session::Session* session = nullptr;  // null: the program runs untraced
  CollectorJob collector;
  std::string last_line;               // to be said after the program's end; empty: nothing
  std::vector<std::string> leftovers;  // sessions of earlier runs, named after the program's end
};

struct RunEnd {
  int wait_status = 0;    // as waitpid(2) gave it, or of a shell that could not start the program
  bool reported = false;  // the report is complete
  bool told_to_end =
      false;  // by a signal from elsewhere than the terminal, or while it was written
};

// Runs the program to its end. Parses nothing, and allocates next to nothing once the program
// runs.
RunEnd supervise(const SupervisorRequest& request);

// Says which earlier runs left data: after the program's end, so that nothing of ours stands before
// what it writes.
void name_leftovers(const std::vector<std::string>& folders);

}  // namespace vtn::launcher

// SPDX-License-Identifier: Apache-2.0
//
// The collector: the launcher's second process. It drains the arena into the spool while the
// program runs and writes the report when it has ended. Whatever goes wrong here, the program runs
// on; every message about the report is printed here, none by the supervisor.
//
// The three functions run in a process of their own and return its exit status:
//   0  the report is complete (the session folder and the spool are gone, unless kept on request)
//   1  trouble, said already on stderr (what was recorded is kept, and the --recover line printed)
#pragma once

#include <string>
#include <vector>

#include <stdint.h>

#include "collector/program_end.h"
#include "session/session.h"

namespace vtn::launcher {

struct OutputSpec {
  enum Format { kJson, kPftrace, kVtn };
  std::string path;  // absolute
  Format format = kJson;
  bool gzip = false;
};

struct CollectorRequest {
  const session::Session* session = nullptr;
  std::vector<OutputSpec> outputs;  // at least one; the spool lies beside the first
  bool quiet = false;
  int verbose = 1;
  bool keep_raw = false;
  bool python_only = false;  // --processes python: other programs are no rows
  // After the program's end: how long to go on while processes of the session live. -1: not at
  // all; INT_MAX: as long as it takes. kStopWaitingSignal pending means: no longer.
  int wait_children_ms = -1;
  int end_fd = -1;
  // Closed (or one byte written, then closed) once the spool exists and the control page is
  // locked: the supervisor waits for it before it starts the program. -1: nobody waits.
  int ready_fd = -1;
  std::string command_line;  // as the user typed it, for the report's metadata
};

// Called in a fresh child: own session, all signals blocked, stdin and stdout on /dev/null, stderr
// the user's. kGiveUpSignal pending means: give the report up, remove half-written outputs, keep
// spool and session, exit 1 without a word (the supervisor prints the --recover line). It may be
// killed instead at any time.
int run_collector(const CollectorRequest& request);

struct RecoveryRequest {
  std::string source;  // a session folder or a spool file
  std::vector<OutputSpec> outputs;
  bool quiet = false;
  int verbose = 1;
  bool keep_raw = false;
  bool python_only = false;
  // How the program ended, where that is known (the collector died, the supervisor did not).
  bool has_end = false;
  collector::ProgramEnd end = {};
  std::string command_line;
};

// Drains what lies in the arena, if there is one, and writes the report. Removes the session folder
// and the spool on success. Takes the control page's lock and refuses where a collector holds it;
// that no supervisor lives is the caller's to check (it may be the supervisor's own child).
int run_recovery(const RecoveryRequest& request);

struct ConvertRequest {
  std::string source;  // a .vtn file
  std::vector<OutputSpec> outputs;
  bool quiet = false;
  int verbose = 1;
  bool python_only = false;
};

int convert_file(const ConvertRequest& request);

}  // namespace vtn::launcher

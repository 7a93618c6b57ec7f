// SPDX-License-Identifier: Apache-2.0
//
// The collector: drains the arena into the spool while the program runs. Whatever goes wrong here,
// the program runs on.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "session/session.h"
#include "session/settings.h"
#include "spool/writer.h"

namespace vtn::collector {

struct CollectRequest {
  const session::Session* session = nullptr;
  session::RecordSettings settings;
  std::string output;  // absolute: the spool lies beside it
  // Read end of the pipe that ProgramEnd comes through.
  int end_fd = -1;
  // Closed once the spool exists and the control page is locked: the supervisor waits for it before
  // it starts the program. -1: nobody waits.
  int ready_fd = -1;
  std::string command_line;  // as the user typed it, for the report's metadata
  std::string version;       // ours
};

enum class CollectEnd {
  kRecorded,        // the spool is closed, Collected has the rest
  kNothingRan,      // the program could not be started: no spool, no session
  kSupervisorDied,  // the spool is closed; a recovery makes the report
};

struct Collected {
  CollectEnd end = CollectEnd::kRecorded;
  std::string spool_path;
  // Both hold locks: whoever finds the session, or the spool, waits until the report is made.
  std::unique_ptr<spool::Writer> spool;
  UniqueFd control_lock;
  bool some_live_on = false;  // processes of the session
};

// Until the program has ended (and what is to be waited for is over). In a process of its own: its
// own session, all signals blocked, stdin and stdout on /dev/null. It may be killed at any time.
Result<Collected> collect(const CollectRequest& request);

// What a process that collects or recovers is like: named, rather killed than the program, deaf to
// SIGXFSZ.
void become_collector();

// The lock of a session's control page: whoever collects holds it.
Result<UniqueFd> lock_control(const session::Session& session);

}  // namespace vtn::collector

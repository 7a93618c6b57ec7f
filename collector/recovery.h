// SPDX-License-Identifier: Apache-2.0
//
// What a run left that did not come to its report: drains what lies in the arena, if there is one,
// behind what had been spooled.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "collector/program_end.h"
#include "spool/reader.h"

namespace vtn::collector {

struct RecoveryRequest {
  std::string source;  // a session folder or a spool file
  std::string output;  // absolute: a new spool lies beside it
  // How the program ended, where that is known (the collector died, the supervisor did not).
  std::optional<ProgramEnd> end;
  std::string command_line;
  std::string version;
};

struct Recovered {
  std::unique_ptr<spool::Reader> spool;
  std::string session_folder;   // empty: the source was a file
  bool some_live_on = false;    // processes of the session
  bool may_move_spool = false;  // it is ours to rename or remove
};

// Takes the control page's lock and refuses where a collector holds it; that no supervisor lives is
// the caller's to check (it may be the supervisor's own child).
Result<Recovered> recover(const RecoveryRequest& request);

}  // namespace vtn::collector

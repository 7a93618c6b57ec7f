// SPDX-License-Identifier: Apache-2.0
//
// The spool as a file beside the first report: `.NAME.vtn-XXXXXX`, locked while it is written.
#pragma once

#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "session/session.h"
#include "spool/writer.h"

namespace vtn::collector {

struct SpoolFile {
  std::string path;
  std::unique_ptr<spool::Writer> spool;
};

// Begins the spool of a session, which gets a link to it: beside `output` (absolute); in /tmp where
// that is no regular file's place. Its first frame is the command as it was typed, and who recorded
// it. Nothing is left behind on failure.
Result<SpoolFile> begin_spool(const session::Session& session,
                              const std::string& output,
                              const std::string& command_line,
                              const std::string& version);

// Opens a spool that nobody writes any more. Waits a while for a collector that is just finishing
// it: until then it is only half of what was recorded.
Result<UniqueFd> open_finished_spool(const std::string& path);

// Whether a file has a spool's name: only what we made ourselves may be removed after a recovery.
bool is_spool_name(const std::string& path);

}  // namespace vtn::collector

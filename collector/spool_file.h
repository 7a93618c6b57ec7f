// SPDX-License-Identifier: Apache-2.0
//
// The spool as a file beside the first report: `.NAME.vtn-XXXXXX`, locked while it is written.
#pragma once

#include <string>

#include "abi/session_abi.h"
#include "base/fd.h"
#include "base/result.h"
#include "spool/format.h"
#include "spool/writer.h"

namespace vtn::collector {

struct SpoolFile {
  std::string path;
  UniqueFd fd;
};

// Beside `output` (absolute); in /tmp where that is no regular file's place.
Result<SpoolFile> create_spool_file(const std::string& output);

// Opens a spool that nobody writes any more. Waits a while for a collector that is just finishing
// it: until then it is only half of what was recorded.
Result<UniqueFd> open_finished_spool(const std::string& path);

// Whether a file has a spool's name: only what we made ourselves may be removed after a recovery.
bool is_spool_name(const std::string& path);

// The first frame: the command as it was typed, and who recorded it.
Status write_run_frame(spool::Writer& spool,
                       const std::string& command_line,
                       const std::string& version);

spool::FileHeader new_file_header(ClockKind clock);

}  // namespace vtn::collector

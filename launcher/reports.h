// SPDX-License-Identifier: Apache-2.0
//
// Writes all reports of a run and says on stderr what became of it.
#pragma once

#include <string>
#include <vector>

#include "launcher/collector.h"
#include "spool/reader.h"

namespace vtn::launcher {

struct ReportJob {
  std::vector<OutputSpec> outputs;
  bool quiet = false;
  int verbose = 1;
  bool python_only = false;  // as in CollectorRequest
  // The spool becomes the first `.vtn` output by a rename where it can; else it is copied.
  bool may_move_spool = false;
  // The run has just ended, on this machine: the summary says what tracing it cost.
  bool just_run = false;
};

enum class ReportOutcome { kComplete, kFailed, kGivenUp };

// Prints errors, and the summary unless quiet. `moved`: the spool has become an output.
ReportOutcome write_reports(const spool::Reader& spool, const ReportJob& job, bool& moved);

}  // namespace vtn::launcher

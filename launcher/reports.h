// SPDX-License-Identifier: Apache-2.0
//
// From what was recorded to reports on disk and the last lines on stderr. The three functions run
// in a process of their own and return its exit status:
//   0  the reports are complete (session folder and spool are gone, unless kept on request)
//   1  trouble, said already on stderr (what was recorded is kept, and the --recover line printed)
// kGiveUpSignal pending means: give the reports up, remove half-written ones, keep spool and
// session, return 1 without a word (the supervisor prints the --recover line).
#pragma once

#include <string>

#include "collector/collector.h"
#include "collector/recovery.h"
#include "launcher/request.h"
#include "report/formats.h"

namespace vtn::launcher {

// The collector's whole life: records, then reports. In a fresh child: its own session, all signals
// blocked, stdin and stdout on /dev/null, stderr the user's.
int record_and_report(const collector::CollectRequest& request,
                      const report::ReportSettings& settings);

// Removes the session folder and the spool on success.
int recover_and_report(const collector::RecoveryRequest& request,
                       const report::ReportSettings& settings);

// Of recordings that stay: one that is converted or compressed, or several that become one.
int convert_and_report(const Source& source, const report::ReportSettings& settings);

}  // namespace vtn::launcher

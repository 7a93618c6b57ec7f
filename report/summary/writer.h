// SPDX-License-Identifier: Apache-2.0
//
// The summary as a file, whole: every function, who called it, for each process and each thread.
// As text for people, as JSON for scripts:
//
//   {"recorded_by", "command", "calls", "slices", "lost_events",
//    "processes": [{"pid", "name", "calls", "own_ns", "functions": [F, ...],
//                   "threads": [{"tid", "name", "calls", "own_ns", "functions": [F, ...]}]}]}
//   F: {"name", "kind", "file", "line", "calls", "own_ns", "total_ns",
//       "callers": [{"name", "kind", "file", "line", "calls", "own_ns", "total_ns"}]}
//
// Times are nanoseconds. "callers" stands with the functions of a process; what a function did when
// called from there; a call that nothing called has null for a name.
#pragma once

#include "report/formats.h"

namespace vtn::report {

Status write_summary_text(const spool::Reader& spool, const WriteRequest& request);
Status write_summary_json(const spool::Reader& spool, const WriteRequest& request);

}  // namespace vtn::report

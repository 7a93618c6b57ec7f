// SPDX-License-Identifier: Apache-2.0
//
// Writes one report, with no more slices than its viewers take: where there are more, short calls
// are folded (report/fold/).
#pragma once

#include "base/result.h"
#include "report/formats.h"
#include "spool/reader.h"

namespace vtn::report {

// Whether calls will be folded, so that request.totals with durations are of use.
bool will_fold(const spool::Reader& spool, const Format& format, const ReportSettings& settings);

// The format is one that is written.
Status write_report(const spool::Reader& spool, const Format& format, const WriteRequest& request);

}  // namespace vtn::report

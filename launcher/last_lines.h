// SPDX-License-Identifier: Apache-2.0
//
// What a run says at its end, on stderr: where the report is and how to open it, what it holds,
// where the time went, what is missing. Everything said here is in the report or the recording.
#pragma once

#include <vector>

#include "report/formats.h"
#include "report/summary/totals.h"
#include "spool/reader.h"

namespace vtn::launcher {

// `foldings`: of each output. `totals` may be null: then nothing is said of functions.
void say_last_lines(const spool::Reader& spool,
                    const report::ReportSettings& settings,
                    const std::vector<report::Folding>& foldings,
                    const report::CallTotals* totals);

}  // namespace vtn::launcher

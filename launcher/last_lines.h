// SPDX-License-Identifier: Apache-2.0
//
// What a run says at its end, on stderr: where the report is and how to open it, what it holds,
// where the time went, what is missing. Everything said here is in the report or the recording.
#pragma once

#include <string>
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

// "r.json: calls shorter than 576 ns are folded, 6,212,508 calls in 1,222,046 slices"
std::string folding_text(const std::string& report, const report::Folding& folding);

}  // namespace vtn::launcher

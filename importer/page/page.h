// SPDX-License-Identifier: Apache-2.0
//
// A report.html of ours. A fold, of which nobody knows when each of its calls was, becomes one call
// named kFoldedCalls, from its begin on for as long as its calls took together: so the own time of
// the call around it stays what it was. Its calls count as left out, function by function.
#pragma once

#include "importer/byte_source.h"
#include "importer/facts.h"
#include "importer/intake.h"

namespace vtn::importer {

inline constexpr char kFoldedCalls[] = "(folded calls)";

// `fd` is read twice: it can be seeked. `go_on`: as of a ByteSource. `who` made it. `partial`: a
// file that was cut is taken as far as it goes, and blocks that are damaged are left out.
Status read_page(UniqueFd fd,
                 const std::string& path,
                 Intake& intake,
                 Facts& facts,
                 std::string& who,
                 bool partial,
                 const std::function<bool()>& go_on);

}  // namespace vtn::importer

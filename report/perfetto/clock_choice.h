// SPDX-License-Identifier: Apache-2.0
//
// Whether a Perfetto file sets clocks. Its UI draws a snapshot of clocks as a group of its own, and
// opens what it shows expanded only where there is one group. So a report of one process is better
// off without, as long as that does not cost much: stamps are absolute then, and pack badly.
#pragma once

#include "base/result.h"
#include "report/perfetto/layout.h"
#include "spool/reader.h"

namespace vtn::report {

// Has the layout leave them out where that is so.
Status choose_clocks(const spool::Reader& spool, PerfettoLayout& layout);

// All before the events that were recorded: perfetto/writer.h.
Result<std::string> perfetto_head(const PerfettoLayout& layout);

}  // namespace vtn::report

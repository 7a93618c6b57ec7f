// SPDX-License-Identifier: Apache-2.0
//
// A recording in which short calls are folded (folder.h): what reports are made of whose viewers
// take no more than so many slices. It tells of everything else as the other does. A fold is a
// slice of its own kind of function (FunctionKind::kFold) with a note of what it stands for
// (fold_note.h), and model().folded has the sums.
#pragma once

#include <memory>

#include <stdint.h>

#include "base/result.h"
#include "report/fold/durations.h"
#include "report/formats.h"
#include "spool/reader.h"

namespace vtn::report {

struct FoldRequest {
  uint64_t below_ns = 0;   // not 0: calls that took less
  uint64_t most_rows = 0;  // a quarter of it: so many instants keep what they lie in
  unsigned workers = 0;    // 0: as many as the machine has
  Progress progress;       // in calls; may be empty
};

// Written into a file without a name in `folder`, which goes with the reader.
Result<std::unique_ptr<spool::Reader>> fold_recording(const spool::Reader& spool,
                                                      const FoldRequest& request,
                                                      const std::string& folder);

}  // namespace vtn::report

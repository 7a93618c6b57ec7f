// SPDX-License-Identifier: Apache-2.0
//
// What `python3 -m pstats` and snakeviz open: all processes and threads put together by function.
//
// The file is a dict, as Lib/cProfile.py dumps it and Lib/pstats.py loads it:
//
//   {(file, line, name): (outermost calls, calls, own s, total s,
//                         {caller: (calls, outermost calls, own s, total s), ...}), ...}
//
// in the format of marshal (Python/marshal.c), of which any version of Python can read what is used
// here. C functions have "~" for a file, and 0 for a line. Times are seconds, those of totals.h.
#pragma once

#include "report/formats.h"

namespace vtn::report {

Status write_pstats(const spool::Reader& spool, const WriteRequest& request);

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
//
// Stacks as text, which flamegraph.pl, inferno, speedscope and others draw a flame graph of. A line
// is a process, its thread and the functions of a stack, outermost first, then the nanoseconds of
// its own:
//
//   app.py 4711;MainThread 4711;<module> (app.py:1);work (app.py:7) 12345678
//
// Stacks that have no time of their own have no line. A name's semicolons are written as colons.
#pragma once

#include "report/formats.h"

namespace vtn::report {

Status write_folded(const spool::Reader& spool, const WriteRequest& request);

}  // namespace vtn::report

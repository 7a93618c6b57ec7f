// SPDX-License-Identifier: Apache-2.0
//
// What tracing cost the program, for the last lines of a run: an estimate, in CPU seconds of its
// own threads. Two parts per event: what CPython charges for calling a callback at all, known per
// version from runs with handlers that do nothing (benchmarks/overhead.py), and what our handler
// takes, which is mostly the clock and is measured here and now.
#pragma once

#include "spool/model.h"

namespace vtn::launcher {

// Seconds; 0 when nothing was recorded. Takes a few microseconds to measure the clock.
double tracing_cost_seconds(const spool::Model& model);

}  // namespace vtn::launcher

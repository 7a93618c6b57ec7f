// SPDX-License-Identifier: Apache-2.0
//
// What `go tool pprof` and its like open: stacks with their calls and the time of their own.
//
// A message Profile of proto/profile.proto in github.com/google/pprof. A sample is a stack of one
// thread, innermost first, with the values calls (count) and time (nanoseconds) and the labels
// process and thread. A location is a function, its address nothing.
#pragma once

#include "report/formats.h"

namespace vtn::report {

Status write_pprof(const spool::Reader& spool, const WriteRequest& request);

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
//
// What speedscope.app opens: for each thread a profile of its stacks, as wide as their own time in
// nanoseconds. (https://www.speedscope.app/file-format-schema.json, profiles of type "sampled".)
// Stacks stand in the order in which they were first seen; when their time was spent, it does not
// say.
#pragma once

#include "report/formats.h"

namespace vtn::report {

Status write_speedscope(const spool::Reader& spool, const WriteRequest& request);

}  // namespace vtn::report

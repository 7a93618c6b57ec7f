// SPDX-License-Identifier: Apache-2.0
//
// Names of marks that comments made as the program ran, of this process: which are known. Each of
// them is kept for the life of the process, so a comment may make so many and no more. All need the
// GIL; never fail.
#pragma once

#include <stdint.h>

#include "tracer/names_writer.h"

namespace vtn::runtime {

inline constexpr uint32_t kMostMadeNames = 1000;

bool is_known_mark_name(tracer::Text name);

// From now on it is. False: there is no memory.
bool know_mark_name(tracer::Text name);

}  // namespace vtn::runtime

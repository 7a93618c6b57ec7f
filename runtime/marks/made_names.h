// SPDX-License-Identifier: Apache-2.0
//
// Names of marks that are made as the program runs, by its comments and by its libraries' spans:
// which are known in this process. Each of them is kept for the life of the process, so who makes
// them may make so many and no more. All need the GIL; never fail.
#pragma once

#include <stdint.h>

#include "tracer/names_writer.h"

namespace vtn::runtime {

inline constexpr uint32_t kMostMadeNames = 1000;

bool is_known_mark_name(tracer::Text name);

// From now on it is. False: there is no memory.
bool know_mark_name(tracer::Text name);

// Whether a library's span may have that name: it is known, or is now, as libraries have not made
// too many so far. Any thread, with or without the GIL.
bool library_may_name(tracer::Text name);

}  // namespace vtn::runtime

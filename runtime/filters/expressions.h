// SPDX-License-Identifier: Apache-2.0
//
// The regular expressions of the session's settings (--log_var and its like, --log_audit), compiled
// once a process (base/freestanding/regex.h). Each is matched against the whole of a name.
#pragma once

#include <stdint.h>

#include "tracer/names_writer.h"

namespace vtn::runtime {

// Before anything else here; again it does nothing.
void start_expressions();

// Whether there is any with a key from `first` to `last` (abi/settings_abi.h).
bool has_expression(uint32_t first, uint32_t last);

// Whether one with that key matches.
bool meets_expression(uint32_t key, tracer::Text name);

}  // namespace vtn::runtime

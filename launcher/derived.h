// SPDX-License-Identifier: Apache-2.0
//
// Recordings that are made of others, for reports: several that become one, one that is compressed,
// a part of one.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "launcher/request.h"
#include "spool/reader.h"

namespace vtn::launcher {

// Whether reports are made of what derive_recording() makes, not of the input itself.
bool needs_derived(const Source& source);

// The recording lies in a temporary file beside `output`, which is whoever's it is given to; where
// it cannot be made nothing is left. `progress` in bytes; false: give up (ECANCELED).
Result<std::unique_ptr<spool::Reader>> derive_recording(
    const Source& source,
    const std::vector<std::unique_ptr<spool::Reader>>& inputs,
    const std::string& output,
    const std::function<bool(uint64_t done, uint64_t total)>& progress);

}  // namespace vtn::launcher

// SPDX-License-Identifier: Apache-2.0
//
// Opens whatever is taken for a recording: a .vtn file, or a report that is imported first.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "spool/reader.h"

namespace vtn::launcher {

// What is imported is said (log_info), and what of it had to be changed. `folder`: where temporary
// files may lie. `partial`: of a damaged report what is there.
Result<std::unique_ptr<spool::Reader>> open_recording(const std::string& path,
                                                      const std::string& folder,
                                                      bool partial = false);

// Whether it is a file that would have to be imported.
bool needs_import(const std::string& path);

}  // namespace vtn::launcher

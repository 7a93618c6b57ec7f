// SPDX-License-Identifier: Apache-2.0
//
// What is in a recording, on one screen: who ran when, what of it was recorded, what is missing.
#pragma once

#include <string>

#include "base/result.h"
#include "spool/reader.h"

namespace vtn::report {

// Lines of a word, then what is to be said of it. Calls are not gone through: what the index has is
// enough, but for marks, of which only frames that have notes are read.
Result<std::string> info_text(const spool::Reader& spool);

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
//
// The one place where files become recordings: what --convert, --combine and the commands read.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "spool/reader.h"

namespace vtn::launcher {

// What becomes of a recording that was cut: its run was killed, its disk was full.
enum class Cut {
  kRefused,  // an error that says where, and what makes a report of it
  kWelcome,  // as far as it goes
};

// Errors are one line that names the file.
Result<std::unique_ptr<spool::Reader>> open_recording(const std::string& path, Cut cut);

// Whether the word is meant as a file that open_recording() reads: it ends as such a file's name
// does, or is one by its first bytes.
bool names_recording(const std::string& word);

}  // namespace vtn::launcher

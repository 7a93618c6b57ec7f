// SPDX-License-Identifier: Apache-2.0
//
// The one place where files become recordings: what --convert, --combine and the commands read. A
// report that is none is imported first; that is said (log_info), and what of it had to be changed.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "spool/reader.h"

namespace vtn::launcher {

// `folder`: where temporary files may lie. `partial`: of a recording that was cut what is there;
// else that is an error, which says where it ends and what makes a report of it. Of one whose run
// goes on it is what there is so far. Errors are one line that names the file.
Result<std::unique_ptr<spool::Reader>> open_recording(const std::string& path,
                                                      const std::string& folder,
                                                      bool partial = false);

// Whether it is a file that would have to be imported.
bool needs_import(const std::string& path);

// Whether the word is meant as a file that open_recording() reads: it ends as such a file's name
// does, or is one by its first bytes.
bool names_recording(const std::string& word);

}  // namespace vtn::launcher

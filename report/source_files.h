// SPDX-License-Identifier: Apache-2.0
//
// The source text of the functions seen, for the report's `file_info`. The recording's own where it
// holds some; else of files: regular ones only, 8 MiB each and 256 MiB in all; relative names from
// the folder the process was started in. What cannot be read is left out.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "spool/reader.h"

namespace vtn::report {

// Where pieces of text go.
using TextSink = std::function<Status(std::string_view text)>;

// Emits `{"files":{...},"functions":{...}}`.
Status emit_file_info(const spool::Reader& spool, const TextSink& sink);

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
//
// The source text of the functions seen, for reports that show it. The recording's own where it
// holds some; else of files: regular ones only, 8 MiB each and 256 MiB in all; relative names from
// the folder the process was started in. What cannot be read is left out.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "spool/reader.h"

namespace vtn::report {

// Where the file of a function lies; empty: it is none ("<string>"), or nobody knows.
std::string source_path(const spool::ImageInfo& image, const std::string& file);
// Its text; nothing: it cannot be read, or is no source.
std::optional<std::string> read_source(const std::string& path);

// Where pieces of text go.
using TextSink = std::function<Status(std::string_view text)>;

// Calls `visit` with each file that can be read, once, by the name that functions have for it.
Status visit_source_files(
    const spool::Reader& spool,
    const std::function<Status(const std::string& file, const std::string& text)>& visit);

// Emits `{"files":{...},"functions":{...}}`.
Status emit_file_info(const spool::Reader& spool, const TextSink& sink);

}  // namespace vtn::report

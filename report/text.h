// SPDX-License-Identifier: Apache-2.0
//
// Names as reports show them. Programs may call functions and files anything: every text is made
// valid UTF-8 here, once, before it is written anywhere.
#pragma once

#include <string>
#include <string_view>

#include "spool/model.h"

namespace vtn::report {

// Appends the text as the inside of a JSON string: quotes, backslashes and control characters
// escaped, 0x7f among them, which JSON allows as it is but Perfetto's reader does not. The text is
// valid UTF-8.
void append_json_escaped(std::string& to, std::string_view text);
std::string json_quoted(std::string_view bytes);  // made valid, escaped, in quotes

// "qualname (file:line)", "module.name", ...; valid UTF-8. `function` may be null: the id is shown.
// A class that is called is "Flask", an instance of it that is called "<Flask object>".
std::string display_name(const spool::FunctionInfo* function, uint32_t id);
// What a gap is called in a report.
std::string gap_name(const spool::Special& gap);

std::string thread_name(const spool::ImageInfo& image, const spool::ThreadInfo& thread);
// Of the row for a thread's calls from that depth on. Rows are sorted as text.
std::string deep_track_name(const std::string& thread, size_t depth);
// "3.12.1"
std::string python_version_text(uint32_t version);

}  // namespace vtn::report

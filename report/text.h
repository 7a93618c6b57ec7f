// SPDX-License-Identifier: Apache-2.0
//
// Names as reports show them. Programs may call functions and files anything: every text is made
// valid UTF-8 here, once, before it is written anywhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "spool/model.h"

namespace vtn::report {

// Appends the text as the inside of a JSON string: quotes, backslashes and control characters
// escaped, 0x7f among them, which JSON allows as it is but Perfetto's reader does not. The text is
// valid UTF-8.
void append_json_escaped(std::string& to, std::string_view text);
std::string json_quoted(std::string_view bytes);  // made valid, escaped, in quotes
std::string json_list(const std::vector<std::string>& texts);

// How a process ended, as JSON: {"status":3}, {"signal":9}, null.
std::string exit_json(bool known, int wait_status);
// JSON within a <script>: no "<!--", no "</script".
std::string json_in_script(std::string_view json);
// The text of an element of HTML, or within quotes of an attribute.
std::string html_text(std::string_view text);

// "qualname (file:line)", "module.name", ...; valid UTF-8. `function` may be null: the id is shown.
// A class that is called is "Flask", an instance of it that is called "<Flask object>".
std::string display_name(const spool::FunctionInfo* function, uint32_t id);
// What a gap is called in a report.
std::string gap_name(const spool::Special& gap);

// The last name that the program gave it, or one of ours.
std::string thread_name(const spool::ImageInfo& image, const spool::ThreadInfo& thread);
// Of the row for a thread's calls from that depth on. Rows are sorted as text.
std::string deep_track_name(const std::string& thread, size_t depth);
// All that it had, in their order: none where the program gave it no name.
std::vector<std::string> thread_names(const spool::ImageInfo& image,
                                      const spool::ThreadInfo& thread);
// What the moment is called at which a thread gets another name.
std::string thread_renamed(std::string_view name);

// What there is to be known of a process, in sentences.
std::vector<std::string> notices_of(const spool::ImageInfo& image);
// "3.12.1"
std::string python_version_text(uint32_t version);

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
//
// The page that shows a recording, as the build made it of the modules in this folder: the pieces
// of report.html that are the same in each. A writer puts its data between them
// (docs/PAGE_FORMAT.md):
//
//   page_head()    <!doctype ...> and the shell
//     vtn-meta
//   page_middle()
//     vtn-tables, vtn-overview-N
//   page_code()    one <script>
//     vtn-functions, vtn-calls-N, ..., vtn-end
//   page_tail()
//
// UTF-8, of static storage. Thread-safe; nothing fails. bundle.py writes what is behind it.
#pragma once

#include <string_view>

namespace vtn::page {

std::string_view page_head();
std::string_view page_middle();
std::string_view page_code();
std::string_view page_tail();

}  // namespace vtn::page

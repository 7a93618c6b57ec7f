// SPDX-License-Identifier: Apache-2.0
//
// The summary for a pull request or an issue: at most kMostMarkdownLines lines of Markdown, as
// GitHub and GitLab draw it. What the run was, the functions with the most time of their own over
// all processes and threads, the processes with the most, and what is missing.
#pragma once

#include "report/formats.h"

namespace vtn::report {

inline constexpr size_t kMostMarkdownLines = 60;

Status write_markdown(const spool::Reader& spool, const WriteRequest& request);

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
//
// A report that is a page: one file with the recording and what shows it, for any browser, without
// anything from elsewhere (docs/PAGE_FORMAT.md; the page itself is viewer/page/). In two passes
// over the calls: sums of functions and stacks and how long calls took, unless they are known; then
// the calls.
#pragma once

#include "report/formats.h"

namespace vtn::report {

// So many rows a browser takes in a few seconds.
inline constexpr uint64_t kMostPageRows = 20'000'000;

Status write_html(const spool::Reader& spool, const WriteRequest& request);

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
//
// The words of a summary: times, places, lines of a table. What the last lines on stderr and the
// file have in common.
#pragma once

#include <string>
#include <vector>

#include "report/summary/totals.h"

namespace vtn::report {

// "1.23 s", "45.6 ms", "789 us", "12 ns"; at most eight letters.
std::string duration_text(uint64_t ns);

// "1.2 kB", "3.4 MB", "5.6 GB": by thousands.
std::string bytes_text(uint64_t bytes);

// "12,345,678"
std::string grouped(uint64_t value);

// "fib (fib.py:3)", "builtins.len". A file below `folder` is named from there, one of a library
// from its package on.
std::string function_text(const spool::FunctionInfo* function, const std::string& folder);

// The heads of the columns of table_line().
std::string table_head();

// One function: own time, share of `all_ns`, total time, calls, name and place.
std::string table_line(const NamedTotals& named, uint64_t all_ns, const std::string& folder);

}  // namespace vtn::report

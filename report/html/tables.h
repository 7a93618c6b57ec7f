// SPDX-License-Identifier: Apache-2.0
//
// The names of a page: functions, processes, threads and what leads from one to another, as JSON
// (docs/PAGE_FORMAT.md, vtn-tables).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "report/html/functions.h"
#include "report/html/span_rows.h"
#include "report/picture.h"

namespace vtn::report {

enum PageFunctionKind { kPagePython = 0, kPageC = 1, kPageHole = 2, kPageSpan = 3 };
inline constexpr char kPageHoleName[] = "(not recorded)";

// Of a function as the tables have it: its file is a column of its own. Null: nobody has named it.
std::string page_function_name(const spool::FunctionInfo* function);
PageFunctionKind page_function_kind(const spool::FunctionInfo* function);

// The rows of a page's timeline: threads of processes that are shown, process by process.
struct PageThreads {
  explicit PageThreads(const Picture& picture);

  std::vector<uint32_t> model_thread;  // by the page's number
  std::vector<uint32_t> page_thread;   // by the model's; kNothing: not shown
};

// What is known once all calls have been written.
struct PageTables {
  const Picture& picture;
  const PageFunctions& functions;
  const PageThreads& threads;
  const CallTotals& totals;
  uint64_t offset_ns = 0;
  std::vector<std::string> files{};           // by number
  std::vector<int64_t> source_blocks{};       // by file; -1: no text
  std::vector<int64_t> file_of{};             // by function; -1: it has none
  std::vector<uint64_t> folded_calls{};       // by function
  std::vector<std::vector<uint32_t>> rows{};  // by thread and depth
  std::vector<SpanTrack> span_tracks{};       // behind the threads
  std::map<uint32_t, SpanSums> span_sums{};   // by function
  std::string sets;                           // JSON

  std::string json() const;
};

// The functions that have the most own time, as text.
std::string page_function_text(const Picture& picture, const PageFunctions& functions);

}  // namespace vtn::report

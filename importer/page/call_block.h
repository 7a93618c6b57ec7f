// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. Call blocks of a report.html (docs/PAGE_FORMAT.md), which may be damaged in any way.
#pragma once

#include <string_view>
#include <vector>

#include <stdint.h>

#include "base/result.h"

namespace vtn::importer {

enum PageRowFlag : uint8_t {
  kRowRaised = 1,
  kRowOpen = 2,
  kRowResumed = 4,
  kRowCut = 8,
};

struct PageRow {
  uint64_t start_ns;
  uint64_t end_ns;
  uint32_t code;
  uint8_t flags;
};

struct PageFold {
  uint64_t calls = 0;
  uint64_t raised = 0;
  uint64_t busy_ns = 0;
  std::vector<uint64_t> of_function;  // calls, one for each of its set
};

struct PageColumn {
  uint32_t depth;
  uint32_t rows;
  uint32_t first;  // rows of this thread and depth in blocks before
};

struct PageBlock {
  uint32_t thread = 0;
  std::vector<PageColumn> columns;
  std::vector<PageRow> rows;    // column by column
  std::vector<PageFold> folds;  // of the rows that are folds, in their order

  // Takes one block off the front. `functions`: codes from there on are folds, of these sets.
  Status take(std::string_view& bytes,
              uint32_t functions,
              const std::vector<std::vector<uint32_t>>& sets);
};

}  // namespace vtn::importer

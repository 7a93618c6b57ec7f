// SPDX-License-Identifier: Apache-2.0
//
// Functions as a page numbers them: each once, whatever images have it; those with the most own
// time first, so that numbers are small where there are many. Behind these the names of spans that
// are no part of a stack, and last one that stands for holes in the record. Immutable once made:
// thread-safe.
#pragma once

#include <string>
#include <vector>

#include <stdint.h>

#include "report/picture.h"
#include "report/summary/functions.h"
#include "report/summary/totals.h"

namespace vtn::report {

class PageFunctions {
 public:
  // Functions that threads of shown processes called.
  PageFunctions(const Picture& picture, const CallTotals& totals);

  struct Row {
    const spool::FunctionInfo* function = nullptr;  // null: all that nobody has named
    FunctionTotals totals;
  };

  const std::vector<Row>& rows() const { return rows_; }
  // Names that such spans may have, each once; their numbers follow those of rows().
  const std::vector<std::string>& spans() const { return spans_; }
  uint32_t hole() const { return static_cast<uint32_t>(rows_.size() + spans_.size()); }
  // With the one for holes: what is not below it is no function.
  uint32_t count() const { return hole() + 1; }

  // The number of a function of an image; that for holes, if it was never called.
  uint32_t number_of(uint32_t image, FunctionIndex index) const {
    const std::vector<uint32_t>& numbers = of_image_[image];
    return index < numbers.size() ? numbers[index] : hole();
  }

  // Of a span's name; null, or of nothing else: that for holes.
  uint32_t number_of_span(const spool::FunctionInfo* name) const;

 private:
  std::vector<Row> rows_;
  std::vector<std::string> spans_;               // sorted
  std::vector<std::vector<uint32_t>> of_image_;  // by image, by FunctionIndex
};

}  // namespace vtn::report

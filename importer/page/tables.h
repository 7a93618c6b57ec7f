// SPDX-License-Identifier: Apache-2.0
//
// "vtn-tables" of a report.html: what numbers in its blocks stand for.
#pragma once

#include <string>
#include <vector>

#include "importer/facts.h"
#include "importer/intake.h"
#include "importer/json/value.h"

namespace vtn::importer {

struct PageTables {
  std::vector<std::string> files;
  std::vector<uint32_t> threads;            // Intake's numbers
  std::vector<bool> is_of_spans;            // by thread: its rows are spans, and its depths lanes
  std::vector<std::vector<uint32_t>> sets;  // functions of folds

  Status read(const JsonValue& tables, Intake& intake, Facts& facts);
  uint32_t function_count() const { return static_cast<uint32_t>(texts_.size()); }
  const std::string& text(uint32_t function) const { return texts_[function]; }
  // Intake's number of a function's name.
  uint32_t name(Intake& intake, uint32_t function, bool resumed);

 private:
  std::vector<std::string> texts_;  // of functions, as they are shown
  std::vector<uint32_t> names_;     // by function; UINT32_MAX: not asked for so far
  std::vector<uint32_t> resumed_names_;
};

}  // namespace vtn::importer

// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH, after the run. Gathers rows of one thread and packs them as a block of calls of a page
// (docs/PAGE_FORMAT.md). Thread-bound.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <stdint.h>

#include "report/byte_buffer.h"
#include "report/fold/row.h"

namespace vtn::report {

// The page unpacks blocks side by side, so there must be some; and each has some bytes of its own.
inline constexpr size_t kRowsOfBlock = size_t{1} << 17;

class BlockBuilder {
 public:
  explicit BlockBuilder(uint32_t thread) : thread_(thread) {}

  // `code`: what the page knows it as, a function or behind these a set of some.
  void add(uint32_t depth, uint64_t start_ns, uint64_t end_ns, uint32_t code, uint32_t flags) {
    Column& column = at(depth);
    if ((flags & kRowFlagsShown) != 0) {
      column.odd.emplace_back(static_cast<uint32_t>(column.rows.size()),
                              static_cast<uint8_t>(flags & kRowFlagsShown));
    }
    column.rows.push_back({start_ns, end_ns, code});
    ++rows_;
  }
  void add_fold(uint32_t depth, const FoldRow& fold, uint32_t code) {
    add(depth, fold.start_ns, fold.end_ns, code, 0);
    std::string& bytes = columns_[depth].folds;
    append_varint(bytes, fold.calls);
    append_varint(bytes, fold.raised);
    append_varint(bytes, fold.busy_ns);
    for (const FunctionCount& count : fold.functions) {
      append_varint(bytes, count.calls - 1);
    }
  }

  // Which row of its thread and depth the next one is.
  uint32_t next_row(uint32_t depth) {
    Column& column = at(depth);
    return column.first + static_cast<uint32_t>(column.rows.size());
  }

  bool full() const { return rows_ >= kRowsOfBlock; }
  size_t rows() const { return rows_; }

  // By depth: how many rows there have been.
  std::vector<uint32_t> rows_by_depth() const {
    std::vector<uint32_t> rows;
    for (const Column& column : columns_) {
      rows.push_back(column.first + static_cast<uint32_t>(column.rows.size()));
    }
    return rows;
  }

  // The block as bytes; from then on it is empty. `offset_ns` is taken off every time.
  std::string pack(uint64_t offset_ns);

  static void append_varint(std::string& to, uint64_t number) {
    while (number >= 0x80) {
      to.push_back(static_cast<char>(number | 0x80));
      number >>= 7;
    }
    to.push_back(static_cast<char>(number));
  }

 private:
  struct Row {
    uint64_t start_ns;
    uint64_t end_ns;
    uint32_t code;
  };
  struct Column {
    std::vector<Row> rows;
    std::vector<std::pair<uint32_t, uint8_t>> odd;  // row, flags
    std::string folds;
    uint32_t first = 0;  // rows that are in blocks before
  };

  Column& at(uint32_t depth) {
    if (depth >= columns_.size()) {
      columns_.resize(depth + 1);
    }
    return columns_[depth];
  }

  const uint32_t thread_;
  std::vector<Column> columns_;  // by depth
  size_t rows_ = 0;
};

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
#include "importer/page/call_block.h"

#include <algorithm>

#include <string.h>

#include "spool/varint.h"

namespace vtn::importer {

namespace {

constexpr uint32_t kMostRows = uint32_t{1} << 20;
constexpr uint32_t kWide = 0xffff;
constexpr uint32_t kHuge = 0xffff'ffff;
constexpr double kMostNs = 9007199254740992.0;  // 2^53

template <class T>
bool take_struct(std::string_view& bytes, T& to) {
  if (bytes.size() < sizeof(T)) {
    return false;
  }
  memcpy(&to, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return true;
}

bool take_bytes(std::string_view& bytes, size_t count, const unsigned char*& to) {
  if (bytes.size() < count) {
    return false;
  }
  to = reinterpret_cast<const unsigned char*>(bytes.data());
  bytes.remove_prefix(count);
  return true;
}

bool whole_ns(double ns) { return ns >= 0 && ns <= kMostNs; }

}  // namespace

Status PageBlock::take(std::string_view& bytes,
                       uint32_t functions,
                       const std::vector<std::vector<uint32_t>>& sets) {
  uint32_t head[4];  // thread, columns, rows, flags
  double base_ns = 0;
  if (!take_struct(bytes, head) || !take_struct(bytes, base_ns) || head[2] > kMostRows ||
      head[1] > head[2] || (head[3] & ~1u) != 0 || !whole_ns(base_ns)) {
    return fail("a call block's head makes no sense");
  }
  thread = head[0];
  const uint32_t count = head[2];
  columns.resize(head[1]);
  uint64_t rows_of_columns = 0;
  for (PageColumn& column : columns) {
    if (!take_struct(bytes, column)) {
      return fail("a call block is cut");
    }
    rows_of_columns += column.rows;
  }
  const unsigned char* planes = nullptr;
  const size_t plane_count = 6 + (head[3] & 1);
  uint32_t longer[2];  // wide and huge numbers
  const unsigned char* wide = nullptr;
  const unsigned char* huge = nullptr;
  uint32_t odd = 0;
  if (rows_of_columns != count || !take_bytes(bytes, plane_count * count, planes) ||
      !take_struct(bytes, longer) || !take_bytes(bytes, size_t{4} * longer[0], wide) ||
      !take_bytes(bytes, size_t{8} * longer[1], huge) || !take_struct(bytes, odd)) {
    return fail("a call block is cut, or its columns are not its rows");
  }
  uint32_t next_wide = 0;
  uint32_t next_huge = 0;
  bool sound = true;
  const auto number = [&](size_t plane, uint32_t row) -> uint64_t {
    const uint32_t narrow =
        planes[plane * count + row] | (uint32_t{planes[(plane + 1) * count + row]} << 8);
    if (narrow != kWide) {
      return narrow;
    }
    if (next_wide == longer[0]) {
      sound = false;
      return 0;
    }
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) {
      value |= uint32_t{wide[size_t{i} * longer[0] + next_wide]} << (8 * i);
    }
    ++next_wide;
    if (value != kHuge) {
      return value;
    }
    double large = -1;
    if (next_huge < longer[1]) {
      memcpy(&large, huge + size_t{8} * next_huge++, sizeof(large));
    }
    sound = sound && whole_ns(large);
    return sound ? static_cast<uint64_t>(large) : 0;
  };
  rows.resize(count);
  uint32_t row = 0;
  for (uint32_t i = 0; i < count; ++i) {
    rows[i].start_ns = number(0, i);  // the gap in front of it, so far
  }
  for (const PageColumn& column : columns) {
    auto at_ns = static_cast<uint64_t>(base_ns);
    for (uint32_t i = 0; i < column.rows; ++i, ++row) {
      PageRow& one = rows[row];
      one.start_ns += at_ns;
      one.end_ns = at_ns = one.start_ns + number(2, row);
      sound = sound && at_ns <= static_cast<uint64_t>(kMostNs);
      one.code = planes[4 * size_t{count} + row] |
                 (uint32_t{planes[5 * size_t{count} + row]} << 8) |
                 (plane_count == 7 ? uint32_t{planes[6 * size_t{count} + row]} << 16 : 0);
      one.flags = 0;
      if (!sound) {
        return fail("a call block's times make no sense");
      }
    }
  }
  spool::VarintReader from(bytes.data(), bytes.data() + bytes.size());
  uint64_t odd_row = 0;
  for (uint32_t i = 0; i < odd; ++i) {
    odd_row += from.next();
    const char* const flags = from.at();
    if (from.failed() || odd_row >= count || !from.skip(1)) {
      return fail("a call block's odd rows make no sense");
    }
    rows[odd_row].flags = static_cast<uint8_t>(*flags);
  }
  bytes.remove_prefix(static_cast<size_t>(from.at() - bytes.data()));
  uint32_t fold_bytes = 0;
  if (!take_struct(bytes, fold_bytes) || fold_bytes > bytes.size()) {
    return fail("a call block's folds are cut");
  }
  spool::VarintReader packed(bytes.data(), bytes.data() + fold_bytes);
  folds.clear();
  for (const PageRow& one : rows) {
    if (one.code < functions) {
      continue;
    }
    if (one.code - functions >= sets.size()) {
      return fail("a call block has a fold of functions that are not there");
    }
    PageFold& fold = folds.emplace_back();
    fold.calls = packed.next();
    fold.raised = packed.next();
    fold.busy_ns = packed.next();
    for (size_t i = 0; i < sets[one.code - functions].size(); ++i) {
      fold.of_function.push_back(packed.next() + 1);
    }
    if (packed.failed()) {
      return fail("a call block's folds make no sense");
    }
  }
  bytes.remove_prefix(fold_bytes);
  return {};
}

}  // namespace vtn::importer

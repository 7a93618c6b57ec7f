// SPDX-License-Identifier: Apache-2.0
#include "report/html/block.h"

#include <algorithm>
#include <bit>

#include <string.h>

namespace vtn::report {

namespace {

static_assert(std::endian::native == std::endian::little, "blocks are little-endian");

constexpr uint64_t kWide = 0xffff;
constexpr uint64_t kHuge = 0xffff'ffff;
constexpr uint32_t kCodesOfTwoPlanes = 0x1'0000;
constexpr uint32_t kThreeCodePlanes = 1;

template <class T>
void append_raw(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// Numbers that a plane has no room for.
struct Escapes {
  std::vector<uint32_t> wide;
  std::vector<double> huge;  // below 2^53, so exact

  uint16_t put(uint64_t number) {
    if (number < kWide) {
      return static_cast<uint16_t>(number);
    }
    wide.push_back(static_cast<uint32_t>(std::min(number, kHuge)));
    if (number >= kHuge) {
      huge.push_back(static_cast<double>(number));
    }
    return kWide;
  }
};

}  // namespace

std::string BlockBuilder::pack(uint64_t offset_ns) {
  uint64_t base_ns = UINT64_MAX;
  uint32_t used = 0;
  uint32_t largest_code = 0;
  for (const Column& column : columns_) {
    if (!column.rows.empty()) {
      ++used;
      base_ns = std::min(base_ns, column.rows.front().start_ns);
      for (const Row& row : column.rows) {
        largest_code = std::max(largest_code, row.code);
      }
    }
  }
  const bool wide_codes = largest_code >= kCodesOfTwoPlanes;
  const size_t n = rows_;
  std::string bytes;
  append_raw(bytes, thread_);
  append_raw(bytes, used);
  append_raw(bytes, static_cast<uint32_t>(n));
  append_raw(bytes, wide_codes ? kThreeCodePlanes : 0u);
  append_raw(bytes, n == 0 ? 0.0 : static_cast<double>(base_ns - offset_ns));
  for (uint32_t depth = 0; depth < columns_.size(); ++depth) {
    if (!columns_[depth].rows.empty()) {
      append_raw(bytes, depth);
      append_raw(bytes, static_cast<uint32_t>(columns_[depth].rows.size()));
      append_raw(bytes, columns_[depth].first);
    }
  }
  const size_t planes_at = bytes.size();
  bytes.resize(planes_at + (wide_codes ? 7 : 6) * n);
  auto* planes = reinterpret_cast<unsigned char*>(bytes.data()) + planes_at;
  Escapes escapes;
  size_t row_number = 0;
  for (const Column& column : columns_) {
    uint64_t last_ns = base_ns;
    for (const Row& row : column.rows) {
      const uint16_t gap = escapes.put(row.start_ns - last_ns);
      last_ns = row.end_ns;
      planes[row_number] = static_cast<unsigned char>(gap);
      planes[n + row_number] = static_cast<unsigned char>(gap >> 8);
      planes[4 * n + row_number] = static_cast<unsigned char>(row.code);
      planes[5 * n + row_number] = static_cast<unsigned char>(row.code >> 8);
      if (wide_codes) {
        planes[6 * n + row_number] = static_cast<unsigned char>(row.code >> 16);
      }
      ++row_number;
    }
  }
  row_number = 0;
  uint32_t odd = 0;
  std::string odd_bytes;
  std::string folds;
  uint32_t last_odd = 0;
  for (Column& column : columns_) {
    for (const auto& [row, flags] : column.odd) {
      const auto number = static_cast<uint32_t>(row_number) + row;
      append_varint(odd_bytes, number - last_odd);
      odd_bytes.push_back(static_cast<char>(flags));
      last_odd = number;
      ++odd;
    }
    for (const Row& row : column.rows) {
      const uint16_t duration = escapes.put(row.end_ns - row.start_ns);
      planes[2 * n + row_number] = static_cast<unsigned char>(duration);
      planes[3 * n + row_number] = static_cast<unsigned char>(duration >> 8);
      ++row_number;
    }
    folds += column.folds;
    column.first += static_cast<uint32_t>(column.rows.size());
    column.rows.clear();
    column.odd.clear();
    column.folds.clear();
  }
  append_raw(bytes, static_cast<uint32_t>(escapes.wide.size()));
  append_raw(bytes, static_cast<uint32_t>(escapes.huge.size()));
  for (unsigned shift = 0; shift < 32; shift += 8) {
    for (const uint32_t number : escapes.wide) {
      bytes.push_back(static_cast<char>(number >> shift));
    }
  }
  bytes.append(reinterpret_cast<const char*>(escapes.huge.data()),
               escapes.huge.size() * sizeof(double));
  append_raw(bytes, odd);
  bytes += odd_bytes;
  append_raw(bytes, static_cast<uint32_t>(folds.size()));
  bytes += folds;
  rows_ = 0;
  return bytes;
}

}  // namespace vtn::report

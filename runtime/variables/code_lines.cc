// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/code_lines.h"

#include "runtime/python/versions.h"

namespace vtn::runtime {

namespace {

// How an entry begins: the highest bit, four bits of kind, three of how many units less one.
constexpr unsigned kBegins = 0x80;
constexpr unsigned kKindShift = 3;
constexpr unsigned kKindMask = 15;
constexpr unsigned kUnitsMask = 7;
enum Kind : unsigned {
  kFirstWithinLine = 0,  // to 9: of the line before
  kFirstNewLine = 10,    // to 12: so many lines further
  kLastNewLine = 12,
  kNoColumns = 13,
  kLong = 14,
  kNone = 15,
};

// A number in pieces of six bits, the lowest first; its lowest bit is the sign.
int64_t read_signed(const unsigned char* table, size_t bytes, size_t* at) {
  uint64_t value = 0;
  for (unsigned shift = 0; *at < bytes && shift < 60; shift += 6) {
    const unsigned byte = table[(*at)++];
    value |= uint64_t{byte & 63u} << shift;
    if ((byte & 64u) == 0) {
      break;
    }
  }
  const auto size = static_cast<int64_t>(value >> 1);
  return (value & 1) != 0 ? -size : size;
}

// 3.10: pairs of so many bytes, and so many lines further.
void read_pairs(const unsigned char* table,
                size_t table_bytes,
                uint32_t first_line,
                uint32_t* lines,
                size_t units) {
  constexpr int kNoLine = -128;
  int64_t line = first_line;
  size_t unit = 0;
  for (size_t at = 0; at + 1 < table_bytes; at += 2) {
    const int further = table[at + 1] < 128 ? table[at + 1] : table[at + 1] - 256;
    line += further == kNoLine ? 0 : further;
    const bool known = further != kNoLine && line > 0 && line < UINT32_MAX;
    for (unsigned i = 0; i < table[at] / 2u && unit < units; ++i) {
      lines[unit++] = known ? static_cast<uint32_t>(line) : 0;
    }
  }
}

}  // namespace

void read_code_lines(uint32_t minor,
                     const unsigned char* table,
                     size_t table_bytes,
                     uint32_t first_line,
                     uint32_t* lines,
                     size_t units) {
  for (size_t unit = 0; unit < units; ++unit) {
    lines[unit] = 0;
  }
  if (!lines_have_positions(minor)) {
    read_pairs(table, table_bytes, first_line, lines, units);
    return;
  }
  int64_t line = first_line;
  size_t unit = 0;
  for (size_t at = 0; at < table_bytes && unit < units;) {
    const unsigned first = table[at++];
    const unsigned kind = first >> kKindShift & kKindMask;
    if (kind == kNoColumns || kind == kLong) {
      line += read_signed(table, table_bytes, &at);
    } else if (kind >= kFirstNewLine && kind <= kLastNewLine) {
      line += kind - kFirstNewLine;
    }
    while (at < table_bytes && (table[at] & kBegins) == 0) {
      ++at;  // columns
    }
    const bool known = kind != kNone && line > 0 && line < UINT32_MAX;
    for (unsigned i = 0; i <= (first & kUnitsMask) && unit < units; ++i) {
      lines[unit++] = known ? static_cast<uint32_t>(line) : 0;
    }
  }
}

}  // namespace vtn::runtime

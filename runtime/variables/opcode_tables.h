// SPDX-License-Identifier: Apache-2.0
//
// Instructions of CPython 3.12 to 3.15, one by one. Needs no interpreter; never fails: what is no
// code of CPython's is something else that lies within the bytes.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "runtime/variables/opcode_rows.h"

namespace vtn::runtime {

inline constexpr uint32_t kUnitBytes = 2;

struct OpcodeTable {
  Step step[256];
  uint8_t caches[256];
};

// Null: of another release.
const OpcodeTable* opcode_table(uint32_t minor);

struct Instruction {
  uint32_t offset;  // of it itself, behind its EXTENDED_ARGs; in units
  Step step;
  uint8_t opcode;
  uint32_t argument;
  uint32_t next;  // may lie behind the end
};

// The one that begins at that unit, of so many.
inline Instruction decode(const OpcodeTable& table,
                          const unsigned char* code,
                          uint32_t units,
                          uint32_t unit) {
  uint32_t argument = 0;
  for (;; ++unit) {
    const unsigned opcode = code[size_t{unit} * kUnitBytes];
    argument = argument << 8 | code[size_t{unit} * kUnitBytes + 1];
    if (table.step[opcode] != Step::kExtends || unit + 1 >= units) {
      return {unit,
              table.step[opcode],
              static_cast<uint8_t>(opcode),
              argument,
              unit + 1 + table.caches[opcode]};
    }
  }
}

}  // namespace vtn::runtime

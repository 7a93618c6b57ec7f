// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/opcode_tables.h"

#include "runtime/python/versions.h"

namespace vtn::runtime {

namespace {

template <size_t rows>
constexpr OpcodeTable table_of(const OpcodeRow (&all)[rows]) {
  OpcodeTable table = {};
  for (const OpcodeRow& row : all) {
    table.step[row.opcode] = row.step;
    table.caches[row.opcode] = row.caches;
  }
  return table;
}

constexpr OpcodeTable kTables[] = {
    table_of(kRows312), table_of(kRows313), table_of(kRows314), table_of(kRows315)};

static_assert(sizeof(kTables) / sizeof(kTables[0]) == kLastKnownOpcodes - kFirstKnownOpcodes + 1);

}  // namespace

const OpcodeTable* opcode_table(uint32_t minor) {
  const uint32_t index = minor - kFirstKnownOpcodes;  // beyond all, for what is older
  return index <= kLastKnownOpcodes - kFirstKnownOpcodes ? &kTables[index] : nullptr;
}

}  // namespace vtn::runtime

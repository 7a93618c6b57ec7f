// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/instructions.h"

#include "runtime/python/versions.h"

namespace vtn::runtime {

namespace {

constexpr int kOpcodes = 256;

}  // namespace

struct OpcodeTable {
  Step step[kOpcodes] = {};
  uint8_t caches[kOpcodes] = {};
  uint8_t argument[kOpcodes] = {};
};

namespace {

template <size_t rows>
constexpr OpcodeTable table_of(const OpcodeRow (&all)[rows]) {
  OpcodeTable table;
  for (const OpcodeRow& row : all) {
    table.step[row.opcode] = row.step;
    table.caches[row.opcode] = row.caches;
    table.argument[row.opcode] = row.argument;
  }
  return table;
}

constexpr OpcodeTable kTables[] = {table_of(kRows310),
                                   table_of(kRows311),
                                   table_of(kRows312),
                                   table_of(kRows313),
                                   table_of(kRows314),
                                   table_of(kRows315)};

static_assert(sizeof(kTables) / sizeof(kTables[0]) == kLastKnownOpcodes - kFirstKnownOpcodes + 1);

const OpcodeTable* table_for(uint32_t minor) {
  const uint32_t index = minor - kFirstKnownOpcodes;  // beyond all, for what is older
  return index <= kLastKnownOpcodes - kFirstKnownOpcodes ? &kTables[index] : nullptr;
}

}  // namespace

Instructions::Instructions(uint32_t minor, const CodeText& text)
    : minor_(minor),
      table_(table_for(minor)),
      text_(text),
      units_(static_cast<uint32_t>(text.bytes / kUnitBytes)) {}

Instruction Instructions::decode(uint32_t unit) const {
  const uint32_t begin = unit;
  uint32_t argument = 0;
  for (;; ++unit) {
    const unsigned opcode = text_.code[size_t{unit} * kUnitBytes];
    argument = argument << 8 | text_.code[size_t{unit} * kUnitBytes + 1];
    if (table_->step[opcode] != Step::kExtends || unit + 1 >= units_) {
      return {begin,
              unit,
              table_->step[opcode],
              static_cast<uint8_t>(opcode),
              table_->argument[opcode] != 0 ? table_->argument[opcode] : argument,
              unit + 1 + table_->caches[opcode]};
    }
  }
}

bool Instructions::set_up_handlers() const { return !has_exception_table(minor_); }

uint32_t Instructions::told_at(const Instruction& at) const {
  return has_monitoring(minor_) ? at.offset : at.begin;
}

uint32_t Instructions::target_of(const Instruction& at) const {
  uint64_t target = 0;
  switch (at.step) {
    case Step::kJumpsBack:
    case Step::kMayJumpBack:
      target = at.argument <= at.next ? at.next - at.argument : units_;
      break;
    case Step::kJumpsTo:
    case Step::kMayJumpTo:
      target = at.argument;
      break;
    default:
      target = uint64_t{at.next} + at.argument;
      break;
  }
  return target < units_ ? static_cast<uint32_t>(target) : units_;
}

uint32_t Instructions::behind_loop(const Instruction& at) const {
  if (at.step != Step::kPushesOrJumps) {
    return units_;
  }
  Instruction left_out = decode(target_of(at));
  if (left_out.step != Step::kEndsLoop) {
    return units_;
  }
  for (uint32_t i = 1; i < left_out_behind_loops(minor_) && left_out.next < units_; ++i) {
    left_out = decode(left_out.next);
  }
  return left_out.next;
}

bool jumps(Step step) {
  switch (step) {
    case Step::kJumpsOn:
    case Step::kJumpsBack:
    case Step::kJumpsTo:
    case Step::kMayJump:
    case Step::kMayJumpBack:
    case Step::kMayJumpTo:
    case Step::kPushesOrJumps:
    case Step::kSetsUp:
      return true;
    default:
      return false;
  }
}

bool goes_on(Step step) {
  switch (step) {
    case Step::kJumpsOn:
    case Step::kJumpsBack:
    case Step::kJumpsTo:
    case Step::kReturns:
    case Step::kRaises:
    case Step::kEnds:
      return false;
    default:
      return true;
  }
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// The instructions of a code, one at a time, and where each may lead to.
//
// CPython 3.10 to 3.15. Needs no interpreter; reads no object.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "runtime/variables/opcode_rows.h"

namespace vtn::runtime {

inline constexpr uint32_t kUnitBytes = 2;  // of an instruction, and of each word of its cache

// `co_code`, as it was compiled, and what belongs to it.
struct CodeText {
  const unsigned char* code;
  size_t bytes;
  const unsigned char* handlers;  // co_exceptiontable; 3.10 has instructions for it
  size_t handler_bytes;
  uint32_t stack_size;
  bool begins_resumed;  // before 3.13: of a generator, which begins with a value on its stack
  uint32_t first_cell;  // of the frame's variables, where instructions count cells from 0: 3.10
};

struct OpcodeTable;

// All places are in units.
struct Instruction {
  uint32_t begin;   // of its EXTENDED_ARGs, where it has any
  uint32_t offset;  // of it itself
  Step step;
  uint8_t opcode;
  uint32_t argument;
  uint32_t next;
};

class Instructions {
 public:
  Instructions(uint32_t minor, const CodeText& text);

  // False: they are not those of a version that is known.
  bool known() const { return table_ != nullptr; }

  uint32_t units() const { return units_; }

  // Whether instructions do what later a table of handlers does.
  bool set_up_handlers() const;

  // `unit` is one of them.
  Instruction decode(uint32_t unit) const;

  // Where CPython tells of it, before it runs: since 3.12 not at its EXTENDED_ARGs.
  uint32_t told_at(const Instruction& at) const;

  // Of one that jumps. One beyond the end: there is none.
  uint32_t target_of(const Instruction& at) const;

  // Where a loop that is through goes on, if it leaves out what it jumps to; one beyond the end: it
  // does not.
  uint32_t behind_loop(const Instruction& at) const;

 private:
  const uint32_t minor_;
  const OpcodeTable* const table_;
  const CodeText& text_;
  const uint32_t units_;
};

bool jumps(Step step);

// Whether what lies behind it may follow.
bool goes_on(Step step);

}  // namespace vtn::runtime

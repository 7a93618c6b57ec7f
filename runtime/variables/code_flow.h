// SPDX-License-Identifier: Apache-2.0
//
// Where code binds names, attributes and items, and where on its frame's stack the value lies then;
// and which instruction follows which. Found by following the code along all its ways, as CPython's
// compiler does to find how large the stack must be, with the same function to say what an
// instruction does to the depth. With each value goes where it came from, as far as that is a plain
// name.
//
// CPython 3.10 to 3.15. Needs no interpreter but for that function; reads no object. Takes memory
// for the time being (pages), in proportion to the code's length and stack.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "runtime/variables/instructions.h"

namespace vtn::runtime {

// PyCompile_OpcodeStackEffectWithJump: opcode, argument, whether it jumps (1) or goes on (0).
using StackEffect = int (*)(int, int, int);

// Where a value came from.
enum class OriginKind : uint8_t {
  kUnknown,
  kVariable,  // of the frame: `index` counts fast variables, cells and free ones (localsplus)
  kName,      // of the module, class or builtins: `index` of co_names
  kHidden,    // as kVariable: put by for a comprehension that has a variable of that name
  kConstant,
};
struct Origin {
  OriginKind kind = OriginKind::kUnknown;
  uint32_t index = 0;
};

// One binding that may come to pass.
struct FoundStore {
  uint32_t offset;  // in bytes, where CPython tells of its instruction
  Step step;        // kStoresFast to kStoresSlice; of those that store two, kStoresFast twice
  uint32_t index;   // of its name: as kVariable, or of co_names; of items none
  uint32_t depth;   // of the stack before it
  uint32_t below;   // the value lies that far below the top, 0: there
  Origin owner;     // of what has the attribute or item
  bool restores;    // what a comprehension put by
  bool within_comprehension;  // that has a variable of that name, which it is
  bool is_end_of_handler;     // a constant, and the next instruction deletes the name
};

using VisitStore = void (*)(const FoundStore&, void*);

// Calls `visit` with each, by offset. False: the code is not understood (or no memory), nothing was
// visited.
bool find_stores(
    uint32_t minor, const CodeText& text, StackEffect effect, VisitStore visit, void* argument);

// One way from an instruction to another; both are offsets in bytes, where CPython tells of them.
enum class WayKind : uint8_t {
  kGoesOn,
  kIsRaised,       // to the handler of an exception
  kReturns,        // out of the code: `to` is `from`
  kRaises,         // likewise, by a `raise` or `assert`
  kPopsException,  // within an instruction, beside its ways: an `except` has handled it
  kGoesOnRaising,  // likewise, at the end of a `finally` (and where no `except` was meant)
};
struct FoundWay {
  uint32_t from;
  uint32_t to;
  WayKind kind;
};

using VisitWay = void (*)(const FoundWay&, void*);

// Calls `visit` with each way of what is reached, by `from`: no more than four for an instruction.
// A loop that is through goes on at its end, or behind it: CPython does one or the other. False as
// above.
bool find_ways(
    uint32_t minor, const CodeText& text, StackEffect effect, VisitWay visit, void* argument);

}  // namespace vtn::runtime

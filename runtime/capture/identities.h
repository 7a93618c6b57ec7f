// SPDX-License-Identifier: Apache-2.0
//
// What is known of code objects, and the memory for it. A code object has its identity in its
// co_extra or by the code table (code_table.h); functions.cc makes it and ends it.
#pragma once

#include <stdint.h>

#include "runtime/capture/thread_part.h"
#include "runtime/values/arguments.h"

namespace vtn::runtime {

struct CodePlan;

inline constexpr int32_t kNoInterpreter = -1;

// What is known of a code object. Lives in ordinary memory: a forked child inherits it, sees by the
// epoch that the id is its parent's, and gives the code an id of its own. Of the interpreter's that
// has the code, under its GIL.
struct CodeIdentity {
  const void* code;  // null: none's. Written last: of whom the rest is, `interpreter` says
  uint64_t epoch;
  CodeIdentity* next_free;
  CodeIds ids;
  int32_t interpreter;     // the id of its own; kNoInterpreter: none's
  int32_t start_offset;    // f_lasti of a frame that begins; above: it is resumed (generators)
  bool stays_on;           // never switched off (budget.h)
  bool switched_off;       // budget.h; in a forked child, too: its places are off there
  uint16_t sent_by_c;      // its events come from C code, not from a frame of its own
  uint8_t tells_of_name;   // program_names.h
  uint8_t known_function;  // its row (known/known_functions.h); 0: none
  WantedValues values;     // of its calls
  CodePlan* plan;          // of what it binds (variables/plans.h); null: nothing
};

// Null: no memory. Any thread.
CodeIdentity* take_identity();
void give_identity(CodeIdentity* identity);

// All that were ever made; those of other interpreters may be changing.
void visit_identities(void (*visit)(CodeIdentity* identity, void* argument), void* argument);

}  // namespace vtn::runtime

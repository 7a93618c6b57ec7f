// SPDX-License-Identifier: Apache-2.0
//
// From code objects to their identities without a trace in the code objects themselves. CPython
// tells of each code object that begins or dies (a code watcher, one per interpreter), so an
// address that comes back is never taken for the one before, even where the death of a code object
// was not told any more (an interpreter takes its watchers out before its last objects die).
//
//   +----------+------+---------------------------------------+
//   | capacity | used | identity or null or "gone", at a hash |   one mapping, anew when half full
//   +----------+------+---------------------------------------+
//
// Interpreters with a GIL each share the table; the lock lies in memory that fork wipes, and a
// child finds the table whole: it changes by one store.
#pragma once

#include <stdint.h>

#include "runtime/capture/thread_part.h"
#include "runtime/values/arguments.h"

namespace vtn::runtime {

struct CodePlan;

// What is known of a code object. Lives in ordinary memory: a forked child inherits it, sees by the
// epoch that the id is its parent's, and gives the code an id of its own.
struct CodeIdentity {
  const void* code;
  uint64_t epoch;
  CodeIdentity* next_free;
  CodeIds ids;
  int32_t start_offset;    // f_lasti of a frame that begins; above: it is resumed (generators)
  uint16_t sent_by_c;      // its events come from C code, not from a frame of its own
  uint16_t tells_of_name;  // program_names.h
  WantedValues values;     // of its calls
  CodePlan* plan;          // of what it binds (variables/plans.h); null: nothing
};

// Null where the code is not known.
CodeIdentity* find_in_code_table(const void* code);

// The code is not in the table. False: no memory.
bool add_to_code_table(const void* code, CodeIdentity* identity);

// What was there for the code, or null.
CodeIdentity* take_out_of_code_table(const void* code);

}  // namespace vtn::runtime

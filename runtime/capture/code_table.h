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

#include "runtime/capture/identities.h"

namespace vtn::runtime {

// Null where the code is not known.
CodeIdentity* find_in_code_table(const void* code);

// The code is not in the table. False: no memory.
bool add_to_code_table(const void* code, CodeIdentity* identity);

// What was there for the code, or null.
CodeIdentity* take_out_of_code_table(const void* code);

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// Our audit hook as a node of CPython's list of hooks: put there before the interpreter starts,
// taken out as soon as it has done its work, and put back when another interpreter begins. While it
// is in the list every audited call of the program (id(), f.__code__, deepcopy) pays for it.
#pragma once

#include "runtime/python/python_api.h"

namespace vtn::runtime {

// Before the interpreter starts. False: refused.
bool add_audit_hook(PyAuditFunction hook);

// False: somebody's hook lies before ours, so that it cannot be taken out; it stays and is called.
// Thread-safe.
bool unlink_audit_hook();

// From now on it stays: unlink_audit_hook does nothing.
void keep_audit_hook();

// Undoes unlink_audit_hook, or what the end of an interpreter did. Thread-safe.
void link_audit_hook();

// For the event `cpython._PySys_ClearAuditHooks`: the interpreter is about to free its hooks, and
// ours is among them.
void survive_clearing();

}  // namespace vtn::runtime

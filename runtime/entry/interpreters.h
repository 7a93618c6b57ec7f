// SPDX-License-Identifier: Apache-2.0
//
// The interpreters of this process: what belongs to each, and how a new one is noticed at no cost
// to programs that make none. Every interpreter initialises the module `_imp` early in its life, by
// way of CPython's table of built-in modules; a step of our own stands in front of that function.
#pragma once

#include <stdint.h>

#include "runtime/python/python_api.h"

namespace vtn::runtime {

// Before the interpreter starts. `begins` is called whenever an interpreter does, the main one
// included; it must not call into CPython (there is no interpreter to speak of yet).
void watch_interpreters(void (*begins)());

// Of the current thread state, or null. Needs no GIL.
PyInterp* current_interpreter();

// Never used again for another interpreter, until the main one is begun anew; -1: none.
int64_t interpreter_id(PyInterp* interpreter);

// The co_extra index of the current interpreter; negative where we are not installed. Needs GIL.
PySize code_extra_index();

// Whether install or refusal of this interpreter is settled.
bool interpreter_is_settled(int64_t id);

// `extra_index` is negative where nothing is to be recorded.
void settle_interpreter(int64_t id, PySize extra_index);

// Whether threads may record that do not hold the GIL of the main interpreter.
bool others_may_record();

// The main interpreter begins anew: what was known of any is void.
void forget_interpreters();

}  // namespace vtn::runtime

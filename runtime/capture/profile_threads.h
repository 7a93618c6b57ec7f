// SPDX-License-Identifier: Apache-2.0
//
// Which thread states have the profile function: all of them, from their first call on.
//
//  There already    when we install: set one after the other
//  Made later       on 3.10 and 3.11 on the thread itself, when CPython notes the state in the
//                   thread's key, whoever started the thread. The GIL is not there yet, so the
//                   function is stored where _PyEval_SetProfile would store it; nobody else has the
//                   state, and no frame has run. Where the fields lie is found out at installation.
//  In other ways    from 3.12 on, where the profile function is only used if no tool id is free,
//  and in a
//                   process that is recorded from the middle of its life: when the call of the
//                   function that starts a thread returns, with the GIL still held
//  All others       a state that one thread makes and another uses (and, from 3.12 on, a thread of
//                   a C library): the next visit to any thread (EngineHooks::look_after) finds it
#pragma once

#include "runtime/python/python_api.h"

namespace vtn::runtime {

// The profile function is `function`, and set on the current thread. Needs the GIL.
void start_profile_threads(PyProfileFunction function);

// The function is taken from every thread that has it, and set on none any more. Needs the GIL.
void end_profile_threads();

// A value of a key of the calling thread; with or without the GIL, any thread, signal-safe.
void on_thread_value(const void* value);

// Whether a call of this callable may have made a thread that is covered in no other way. Needs
// GIL.
bool starts_thread(const PyObject* callable);

// Sets the profile function on thread states that are not known yet. Needs the GIL; does nothing
// when the backend is another.
void cover_new_threads();

}  // namespace vtn::runtime

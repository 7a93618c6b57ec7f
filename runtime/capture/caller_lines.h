// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of runs with --log_lines. The line that each Python call is made from, as a note before
// the call's event: only where it is another than at the last call of that function in the chunk.
//
// The caller is the frame below the one that begins, and where it is stands in its instruction
// pointer: that holds for operators, properties, iteration and `with` as for plain calls. From 3.11
// on both are read where they lie, which makes no frame object and runs no code. The first calls
// are asked of the C API as well: where the answers differ, it is asked for good, and a notice says
// so.
#pragma once

#include "runtime/python/python_api.h"
#include "tracer/engine.h"

namespace vtn::runtime {

// Before the backend is installed: whether lines are wanted and can be had. Needs the GIL.
void start_caller_lines(bool wanted);

bool caller_lines_wanted();

// Where the frame is that begins.
enum class Callee {
  kRunning,  // it is the current one: its caller lies below
  kToCome,   // an evaluation function is about to run it: its caller is the current one
};

// A call of `code`, the function `id`, is about to be recorded on this thread. Where its frame is
// not what runs (Cython tells of calls that have none), its caller is not known. Needs the GIL.
void note_caller_line(tracer::ThreadState* thread,
                      uint32_t id,
                      const PyObject* code,
                      Callee callee);

// The thread ends. Needs no GIL.
void free_caller_lines(tracer::ThreadState* thread);

// A code object is gone: what is remembered by its address is void.
void forget_lines();

// How many there were so far: what else is remembered by an address in code holds while it stays.
uint64_t code_deaths();

}  // namespace vtn::runtime

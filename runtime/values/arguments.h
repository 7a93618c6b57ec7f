// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of runs with --log_func_args or --log_func_retval. The values that Python calls are made
// with, as a note before the call's event, and what they return, as one before its end.
//
// Arguments are read where the frame keeps its variables, which makes no frame object and no dict
// of locals. From 3.12 on the first ones are asked of the API as well: where the answers differ it
// is asked for good.
//
// All need the GIL.
#pragma once

#include "runtime/capture/thread_part.h"
#include "runtime/python/python_api.h"
#include "tracer/engine.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

// What is to be told of the calls of a code object. Zero: nothing.
struct WantedValues {
  uint16_t arguments;     // how many parameters there are, if they are wanted
  uint16_t return_value;  // whether it is wanted; kSecret: not told
  uint64_t secrets;       // by parameter

  // In short, where a thread keeps it for each code that it knows.
  uint16_t brief() const;
};
inline constexpr uint16_t kSecret = 2;

// Bits of WantedValues::brief(): how many arguments, below these.
enum BriefValues : uint16_t {
  kItsReturnValue = 1u << 8,
  kHasSecrets = 1u << 9,  // the whole is to be asked for
  // Not of WantedValues, but kept beside them: something is logged when the function begins.
  kIsLogged = 1u << 10,
};
inline constexpr uint16_t kItsArguments = 0xff;

inline uint16_t WantedValues::brief() const {
  return static_cast<uint16_t>(arguments | (return_value != 0 ? kItsReturnValue : 0) |
                               (secrets != 0 || return_value == kSecret ? kHasSecrets : 0));
}

// Before the backend is installed.
void start_arguments();

// Whether any values are wanted.
bool values_wanted();

// How many there are, `*args` and `**kwargs` included, up to kMostArguments.
inline constexpr uint16_t kMostArguments = 64;
uint16_t count_parameters(PyObject* code);

// The value of one, of the frame that runs `code` and has just begun (null: the current one); null:
// there is none (any more), or nobody knows. May leave an error set.
PyRef argument_of_running(PyObject* code, const void* frame, unsigned index);

// Of a function that was just given its id, whose code it is: what is wanted of its calls. Tells
// the names of its parameters.
WantedValues wanted_values(
    PyObject* code, uint32_t id, tracer::Text name, tracer::Text file, PyObject* globals);

// `brief`: of that code, as the thread knows it. `frame`: the interpreter's frame that begins
// (3.10: the frame object); null: the current one.
void note_arguments(tracer::ThreadState* thread, PyObject* code, const void* frame, uint16_t brief);

// `value` may be null: there is none to tell.
void note_return_value(tracer::ThreadState* thread,
                       PyObject* code,
                       PyObject* value,
                       uint16_t brief);

}  // namespace vtn::runtime

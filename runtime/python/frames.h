// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of runs with lines or values. The chain of interpreter frames, read where it lies
// (versions.h): no frame object is made. 3.11 and later; on 3.10 every frame is an object. Needs
// the GIL. Who reads by it compares its first answers with the API's.
#pragma once

#include "runtime/python/layout.h"
#include "runtime/python/python_api.h"
#include "runtime/python/versions.h"

namespace vtn::runtime {

// Of the version at hand; `previous` is 0 where there is no chain. `thread_field` is found out by
// find_current_frame().
extern ChainLayout g_chain;

// Before anything else here.
void start_frames();

// Where the instructions lie within a code object, which ends with them: behind its fixed part.
// 0: not known. Of 3.11 and later; asks the type for its size.
PySize find_code_start();

// f_lasti of a frame of that code that begins: before the first instruction, or, where there is one
// to begin with, at the first RESUME; what stands before that has no cache. May leave an error set.
int32_t start_offset(PyObject* code);

inline const void* current_frame(const PyThread* state) {
  if (thread_state_holds_frame(g_python.minor)) {
    return field<const void*>(state, g_chain.thread_field);
  }
  return field<const void*>(field<const void*>(state, g_chain.thread_field), g_chain.current);
}

inline PyObject* code_of_frame(const void* frame) {
  const auto word = field<uintptr_t>(frame, g_chain.code);
  return reinterpret_cast<PyObject*>(word & ~kReferenceTags);
}

// A frame that C code began an evaluation with: of 3.12 it has code, which is nobody's.
inline bool runs_nothing(const void* frame) {
  return g_chain.owner != 0 && field<unsigned char>(frame, g_chain.owner) >= kOwnerInterpreter;
}

// The interpreter's frame behind a frame object; of 3.10 that object.
inline const void* frame_of_object(const PyFrame* object) {
  constexpr PySize kFrameOfObject = kHeadBytes + 8;  // behind f_back
  return g_chain.previous == 0 ? object : field<const void*>(object, kFrameOfObject);
}

// Where a thread state keeps its current frame: the place that holds the one the API tells of.
// False: it holds another. Makes a frame object.
bool find_current_frame(const PyThread* state);

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// The Python frames that called a function of the native module. All need the GIL; may leave an
// error set.
#pragma once

#include "runtime/python/frames.h"
#include "runtime/python/python_api.h"

namespace vtn::runtime {

// Whether the chain of interpreter frames can be read (3.11 and later).
bool callers_are_read();

// The code of the package itself, as it is told from the program's by its file.
bool is_own_code(PyObject* code);

// Where the program called one of our functions. `at` tells places of a code object from each
// other. No code: that is not known.
struct CallerPlace {
  PyObject* code = nullptr;  // borrowed from the frame
  uintptr_t at = 0;
};
CallerPlace place_of_caller();

// The line of that place; makes frame objects.
int line_of_caller();

// From the innermost frame on, as long as `visit(frame, code)` answers true. Makes frame objects,
// but on 3.10, where every frame is one.
template <class Visit>
void each_frame_object(const Visit& visit) {
  PyFrame* frame = g_python.PyEval_GetFrame();
  g_python.Py_IncRef(reinterpret_cast<PyObject*>(frame));
  while (frame != nullptr) {
    const PyRef held = PyRef::steal(reinterpret_cast<PyObject*>(frame));
    const PyRef code = PyRef::steal(g_python.PyFrame_GetCode(frame));
    if (!visit(frame, code.get())) {
      return;
    }
    frame = g_python.PyFrame_GetBack(frame);
  }
}

// From the innermost frame on, as long as `visit(frame, code)` answers true.
template <class Visit>
void each_caller(const Visit& visit) {
  constexpr int kMostFrames = 64;  // ours and hidden ones between the program's
  if (g_chain.previous == 0) {
    each_frame_object(visit);
    return;
  }
  if (!callers_are_read()) {
    return;
  }
  const void* frame = current_frame(current_thread_state());
  for (int i = 0; frame != nullptr && i < kMostFrames; ++i) {
    PyObject* const code = code_of_frame(frame);
    if (code != nullptr && type_of(code) == g_python.PyCode_Type && !runs_nothing(frame) &&
        !visit(frame, code)) {
      return;
    }
    frame = field<const void*>(frame, g_chain.previous);
  }
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/own_debuggers.h"

#include "runtime/capture/instruction_trace.h"
#include "runtime/capture/method_step.h"
#include "runtime/entry/interpreters.h"
#include "runtime/python/layout.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"

namespace vtn::runtime {

namespace {

constinit MethodStep g_settrace = {};
constinit MethodStep g_settrace_of_all_threads = {};

// Whether a frame of this thread has asked for opcode events. Only then is anything lost: restarted
// events are told again to tools of the program that had enough of them.
bool opcodes_are_asked_for() {
  PyFrame* frame = g_python.PyEval_GetFrame();
  g_python.Py_IncRef(reinterpret_cast<PyObject*>(frame));
  bool asked = false;
  while (frame != nullptr && !asked) {
    const PyRef held = PyRef::steal(reinterpret_cast<PyObject*>(frame));
    const PyRef opcodes =
        PyRef::steal(g_python.PyObject_GetAttrString(held.get(), "f_trace_opcodes"));
    asked = opcodes && g_python.PyLong_AsLong(opcodes.get()) == 1;
    frame = g_python.PyFrame_GetBack(frame);
  }
  g_python.Py_DecRef(reinterpret_cast<PyObject*>(frame));
  return asked;
}

// CPython's own function, whatever the program has put in its place.
void restart_events() {
  PyObject* monitoring = g_python.PySys_GetObject("monitoring");
  if (monitoring == nullptr ||
      !g_python.PyType_IsSubtype(type_of(monitoring), g_python.PyModule_Type)) {
    return;
  }
  PyObject* restart =
      g_python.PyDict_GetItemString(g_python.PyModule_GetDict(monitoring), "restart_events");
  if (restart != nullptr && type_of(restart) == g_python.PyCFunction_Type) {
    const auto function = reinterpret_cast<CFunction>(cfunction_def(restart)->function);
    (void)PyRef::steal(function(cfunction_self(restart), nullptr, nullptr, nullptr));
  }
}

PyObject* set_trace(const MethodStep& step, PyObject* module, PyObject* function) {
  PyObject* result = step.original(module, function, nullptr, nullptr);
  if (!has_monitoring(g_python.minor)) {
    look_at_running_frame(current_thread_state());
    return result;
  }
  if (result != nullptr && function != g_python._Py_NoneStruct && code_extra_index() >= 0) {
    const KeepErrno keep_errno;
    if (opcodes_are_asked_for()) {
      restart_events();
    }
    g_python.PyErr_Clear();
  }
  return result;
}

PyObject* step_settrace(PyObject* module, PyObject* function, PyObject*, PyObject*) {
  return set_trace(g_settrace, module, function);
}

PyObject* step_settrace_of_all_threads(PyObject* module, PyObject* function, PyObject*, PyObject*) {
  return set_trace(g_settrace_of_all_threads, module, function);
}

}  // namespace

void watch_settrace() {
  if (has_monitoring(g_python.minor) && !opcode_events_need_restart(g_python.minor)) {
    return;
  }
  put_in_front(&g_settrace, definition_of(g_python.PySys_GetObject("settrace")), step_settrace);
  put_in_front(&g_settrace_of_all_threads,
               definition_of(g_python.PySys_GetObject("_settraceallthreads")),
               step_settrace_of_all_threads);
}

void leave_settrace() {
  take_away(&g_settrace, step_settrace);
  take_away(&g_settrace_of_all_threads, step_settrace_of_all_threads);
}

}  // namespace vtn::runtime

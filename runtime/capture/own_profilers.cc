// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/own_profilers.h"

#include "runtime/capture/backends.h"
#include "runtime/capture/c_profilers.h"
#include "runtime/capture/method_step.h"
#include "runtime/capture/thread_part.h"
#include "runtime/python/versions.h"
#include "tracer/names_writer.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

const PyMethodDef* g_setprofile_definition = nullptr;

namespace {

constinit MethodStep g_setprofile = {};
constinit MethodStep g_getprofile = {};
constinit MethodStep g_enable = {};
constinit MethodStep g_disable = {};

// ThreadPart::setprofile: none, a call has begun, or the function asked for (a reference).
constexpr uintptr_t kNoCall = 0;
constexpr uintptr_t kCallBegan = 1;

// There is one profile function per thread, and it is ours.
bool profile_is_shared() {
  return profile_installed() && has_one_profiler_per_thread(g_python.minor);
}

void pause_thread() {
  tracer::ThreadState* thread = tracer::current_thread();
  if (profile_is_shared() && part_of(thread)->profile_paused == 0) {
    part_of(thread)->profile_paused = 1;
    tracer::record_gap(thread, GapReason::kOtherProfiler);
    (void)tracer::publish_text(
        NameRecord::kNotice, static_cast<uint32_t>(NoticeKind::kProfilerTaken), {});
  }
}

// Whoever clears the profile function clears ours, too, if it is there.
void resume_thread() {
  if (!profile_is_shared()) {
    return;
  }
  tracer::ThreadState* thread = tracer::current_thread();
  if (part_of(thread)->profile_paused != 0) {
    part_of(thread)->profile_paused = 0;
    tracer::record_gap(thread, GapReason::kOtherProfiler);
  }
  (void)set_profile(g_python.PyThreadState_Get());
}

// `module` is not read by sys.setprofile.
PyObject* set_own_profile(PyObject* module, PyObject* function) {
  const bool removes = function == g_python._Py_NoneStruct;
  if (!removes) {
    pause_thread();
  }
  PyObject* result = g_setprofile.original(module, function, nullptr, nullptr);
  if (removes ? result != nullptr : result == nullptr) {
    resume_thread();
  }
  return result;
}

// What stands beside our own function is not the program's.
PyObject* step_getprofile(PyObject* a, PyObject* b, PyObject* c, PyObject* d) {
  PyObject* result = g_getprofile.original(a, b, c, d);
  if (is_profile_guard(result)) {
    g_python.Py_DecRef(result);
    g_python.Py_IncRef(g_python._Py_NoneStruct);
    return g_python._Py_NoneStruct;
  }
  return result;
}

// Whether the program has a profile function in this thread already.
bool has_own_profile() {
  const PyRef set = PyRef::steal(g_getprofile.definition == nullptr
                                     ? nullptr
                                     : step_getprofile(nullptr, nullptr, nullptr, nullptr));
  return set && set.get() != g_python._Py_NoneStruct;
}

PyObject* step_setprofile(PyObject* module, PyObject* function, PyObject*, PyObject*) {
  tracer::ThreadState* thread = tracer::current_thread();
  // Without an event of ours to follow there is nothing to wait for; and a function that takes the
  // place of another, or of none, hears in a plain run what it hears here.
  if (part_of(thread)->setprofile != kCallBegan || function == g_python._Py_NoneStruct ||
      has_own_profile()) {
    return set_own_profile(module, function);
  }
  g_python.Py_IncRef(function);
  part_of(thread)->setprofile = reinterpret_cast<uintptr_t>(function);
  g_python.Py_IncRef(g_python._Py_NoneStruct);
  return g_python._Py_NoneStruct;
}

PyObject* step_enable(PyObject* a, PyObject* b, PyObject* c, PyObject* d) {
  pause_thread();
  PyObject* result = g_enable.original(a, b, c, d);
  if (result == nullptr) {
    resume_thread();
  }
  return result;
}

PyObject* step_disable(PyObject* a, PyObject* b, PyObject* c, PyObject* d) {
  PyObject* result = g_disable.original(a, b, c, d);
  if (result != nullptr) {
    resume_thread();
  }
  return result;
}

const PyMethodDef* method_of_type(PyObject* type, const char* name) {
  const PyRef descriptor = PyRef::steal(g_python.PyObject_GetAttrString(type, name));
  return descriptor && type_of(descriptor.get()) == g_python.PyMethodDescr_Type
             ? descriptor_def(descriptor.get())
             : nullptr;
}

}  // namespace

void watch_setprofile() {
  put_in_front(
      &g_setprofile, definition_of(g_python.PySys_GetObject("setprofile")), step_setprofile);
  g_setprofile_definition = g_setprofile.definition;
  put_in_front(
      &g_getprofile, definition_of(g_python.PySys_GetObject("getprofile")), step_getprofile);
}

void leave_profilers() {
  take_away(&g_setprofile, step_setprofile);
  take_away(&g_getprofile, step_getprofile);
  take_away(&g_enable, step_enable);
  take_away(&g_disable, step_disable);
  g_setprofile_definition = g_setprofile.definition;
}

void setprofile_begins(tracer::ThreadState* thread) { part_of(thread)->setprofile = kCallBegan; }

bool setprofile_ends(tracer::ThreadState* thread) {
  const uintptr_t asked = part_of(thread)->setprofile;
  part_of(thread)->setprofile = kNoCall;
  if (asked == kNoCall || asked == kCallBegan) {
    return true;
  }
  const PyRef function = PyRef::steal(reinterpret_cast<PyObject*>(asked));
  const PyRef result = PyRef::steal(set_own_profile(nullptr, function.get()));
  return static_cast<bool>(result);
}

void look_for_lsprof() {
  if (!profile_is_shared() || g_enable.definition != nullptr) {
    return;
  }
  PyObject* modules = g_python.PySys_GetObject("modules");
  PyObject* lsprof =
      modules == nullptr ? nullptr : g_python.PyDict_GetItemString(modules, "_lsprof");
  if (lsprof == nullptr || !g_python.PyType_IsSubtype(type_of(lsprof), g_python.PyModule_Type)) {
    return;
  }
  PyObject* dictionary = g_python.PyModule_GetDict(lsprof);
  PyObject* profiler = g_python.PyDict_GetItemString(dictionary, "Profiler");
  if (profiler == nullptr || !g_python.PyType_IsSubtype(type_of(profiler), g_python.PyType_Type)) {
    return;
  }
  put_in_front(&g_enable, method_of_type(profiler, "enable"), step_enable);
  put_in_front(&g_disable, method_of_type(profiler, "disable"), step_disable);
}

}  // namespace vtn::runtime

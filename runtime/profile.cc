// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. The profile-function backend: 3.10, 3.11, and later versions when no tool id is free.
//
// A profile function belongs to a thread. Every thread state there is gets it at once, new ones
// before their thread runs (the shim's pthread_create) or, for threads that C code started, at the
// next chunk change of any thread.
//
// The program's own profiler wins in its thread. It is noticed because the two ways to set one,
// sys.setprofile and _lsprof's Profiler, are C functions whose definitions we put a step of our own
// in front of: the gap is drawn when it comes, and we resume when it goes.
#include <string.h>

#include "runtime/backends.h"
#include "runtime/functions.h"
#include "runtime/text.h"
#include "tracer/names_writer.h"
#include "tracer/thread_writer.h"

namespace vtn {

namespace {

// What of a profile event, as CPython's <cpython/pystate.h> numbers them: stable since 2.x.
enum ProfileEvent {
  kCall = 0,
  kReturn = 3,
  kCCall = 4,
  kCException = 5,
  kCReturn = 6,
};

using CFunction = PyObject* (*)(PyObject*, PyObject*, PyObject*, PyObject*);

struct Step {  // one definition with our function in front
  PyMethodDef* definition;
  CFunction original;
};

struct {
  bool installed;
  bool with_c_functions;
  uint64_t newest_thread_id;
  PySize code_offset;        // of the code object within the frame (3.10) or its inner frame (3.11)
  PySize inner_frame_offset;  // 0: none
  bool code_offset_checked;
  Step setprofile;
  Step enable;
  Step disable;
} g_profile;

// The code object of a frame, borrowed. The API returns a new reference, which costs more than all
// else here, so its answer is taken once to check where the field lies.
PyObject* frame_code(PyFrame* frame) {
  if (g_profile.code_offset > 0) {
    const void* holder = g_profile.inner_frame_offset == 0
                             ? static_cast<const void*>(frame)
                             : field<const void*>(frame, g_profile.inner_frame_offset);
    PyObject* code = field<PyObject*>(holder, g_profile.code_offset);
    if (__builtin_expect(g_profile.code_offset_checked, 1)) {
      return code;
    }
    const PyRef expected = PyRef::steal(g_python.PyFrame_GetCode(frame));
    g_profile.code_offset_checked = true;
    if (expected.get() == code) {
      return code;
    }
    g_profile.code_offset = 0;
  }
  PyObject* code = g_python.PyFrame_GetCode(frame);
  g_python.Py_DecRef(code);  // the frame holds it
  return code;
}

int on_profile(PyObject*, PyFrame* frame, int what, PyObject* argument) {
  if (kDoNothing) {
    return 0;
  }
  const uint64_t ticks = read_ticks(g_engine.clock);
  ThreadState* thread = current_thread();
  switch (what) {
    case kCall:
      record_enter(thread, code_id(thread, frame_code(frame)));
      break;
    case kReturn:
      record_at(
          thread, ticks, argument == nullptr ? EventKind::kUnwind : EventKind::kLeave, kIdAnyPython);
      break;
    case kCCall:
      if (g_profile.with_c_functions) {
        const uint32_t id = callable_id(thread, argument);
        if (id != kIdNone) {
          record_enter(thread, id);
        }
      }
      break;
    case kCReturn:
    case kCException:
      if (g_profile.with_c_functions) {
        const uint32_t id = callable_id(thread, argument);
        if (id != kIdNone) {
          record_at(
              thread, ticks, what == kCReturn ? EventKind::kLeave : EventKind::kUnwind, id);
        }
      }
      break;
    default:
      break;
  }
  return 0;
}

bool set_profile(PyThread* thread_state) {
  const PendingException pending;
  const bool set = g_python._PyEval_SetProfile == nullptr
                       ? (g_python.PyEval_SetProfile(on_profile, nullptr), true)
                       : g_python._PyEval_SetProfile(thread_state, on_profile, nullptr) == 0;
  g_python.PyErr_Clear();  // an audit hook of the program may refuse: that thread stays untraced
  return set;
}

void pause_thread() {
  ThreadState* thread = current_thread();
  if (thread->profile_paused == 0) {
    thread->profile_paused = 1;
    record_gap(thread, GapReason::kOtherProfiler);
    (void)publish_text(NameRecord::kNote, static_cast<uint32_t>(NoteKind::kProfilerTaken), {});
  }
}

// Whoever clears the profile function clears ours, too, if it is there.
void resume_thread() {
  ThreadState* thread = current_thread();
  if (thread->profile_paused != 0) {
    thread->profile_paused = 0;
    record_gap(thread, GapReason::kOtherProfiler);
  }
  (void)set_profile(g_python.PyThreadState_Get());
}

PyObject* call_original(const Step& step, PyObject* a, PyObject* b, PyObject* c, PyObject* d) {
  // Up to four register arguments: enough for every calling convention of a method definition.
  return step.original(a, b, c, d);
}

PyObject* step_setprofile(PyObject* a, PyObject* function, PyObject* c, PyObject* d) {
  const bool removes = function == g_python._Py_NoneStruct;
  if (!removes) {
    pause_thread();
  }
  PyObject* result = call_original(g_profile.setprofile, a, function, c, d);
  if (removes ? result != nullptr : result == nullptr) {
    resume_thread();
  }
  return result;
}

PyObject* step_enable(PyObject* a, PyObject* b, PyObject* c, PyObject* d) {
  pause_thread();
  PyObject* result = call_original(g_profile.enable, a, b, c, d);
  if (result == nullptr) {
    resume_thread();
  }
  return result;
}

PyObject* step_disable(PyObject* a, PyObject* b, PyObject* c, PyObject* d) {
  PyObject* result = call_original(g_profile.disable, a, b, c, d);
  if (result != nullptr) {
    resume_thread();
  }
  return result;
}

void put_in_front(Step* step, const PyMethodDef* definition, CFunction function) {
  if (step->definition != nullptr || definition == nullptr) {
    return;
  }
  step->definition = const_cast<PyMethodDef*>(definition);
  step->original = reinterpret_cast<CFunction>(definition->function);
  step->definition->function = reinterpret_cast<void*>(function);
}

const PyMethodDef* method_of_type(PyObject* type, const char* name) {
  const PyRef descriptor = PyRef::steal(g_python.PyObject_GetAttrString(type, name));
  return descriptor && type_of(descriptor.get()) == g_python.PyMethodDescr_Type
             ? descriptor_def(descriptor.get())
             : nullptr;
}

}  // namespace

bool install_profile(bool with_c_functions) {
  g_profile.with_c_functions = with_c_functions;
  if (g_python.minor == 10) {
    g_profile.code_offset = kHeadBytes + 8 + 8;  // size, f_back, f_code
  } else if (g_python.minor == 11) {
    g_profile.inner_frame_offset = kHeadBytes + 8;  // f_back, f_frame
    g_profile.code_offset = 32;  // function, globals, builtins, locals, f_code
  }
  if (!set_profile(g_python.PyThreadState_Get())) {
    return false;
  }
  g_profile.installed = true;
  if (g_python.minor < 12) {
    PyObject* setprofile = g_python.PySys_GetObject("setprofile");
    if (setprofile != nullptr && type_of(setprofile) == g_python.PyCFunction_Type) {
      put_in_front(&g_profile.setprofile, cfunction_def(setprofile), step_setprofile);
    }
  }
  cover_new_threads();
  return true;
}

void look_for_lsprof() {
  if (!g_profile.installed || g_python.minor >= 12 || g_profile.enable.definition != nullptr) {
    return;
  }
  PyObject* modules = g_python.PySys_GetObject("modules");
  PyObject* lsprof = modules == nullptr ? nullptr : g_python.PyDict_GetItemString(modules, "_lsprof");
  if (lsprof == nullptr || !g_python.PyType_IsSubtype(type_of(lsprof), g_python.PyModule_Type)) {
    return;
  }
  PyObject* dictionary = g_python.PyModule_GetDict(lsprof);
  PyObject* profiler = g_python.PyDict_GetItemString(dictionary, "Profiler");
  if (profiler == nullptr || !g_python.PyType_IsSubtype(type_of(profiler), g_python.PyType_Type)) {
    return;
  }
  put_in_front(&g_profile.enable, method_of_type(profiler, "enable"), step_enable);
  put_in_front(&g_profile.disable, method_of_type(profiler, "disable"), step_disable);
}

void cover_new_threads() {
  if (!g_profile.installed || g_python._PyEval_SetProfile == nullptr ||
      g_python.PyGILState_Check() == 0) {
    return;
  }
  const KeepErrno keep_errno;
  uint64_t newest = g_profile.newest_thread_id;
  for (PyThread* state = g_python.PyInterpreterState_ThreadHead(g_python.PyInterpreterState_Main());
       state != nullptr;
       state = g_python.PyThreadState_Next(state)) {
    const uint64_t id = g_python.PyThreadState_GetID(state);
    if (id > g_profile.newest_thread_id) {
      (void)set_profile(state);
      newest = id > newest ? id : newest;
    }
  }
  g_profile.newest_thread_id = newest;
}

}  // namespace vtn

// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/profile_threads.h"

#include "base/freestanding/atomic.h"
#include "runtime/capture/backends.h"
#include "runtime/capture/c_profilers.h"
#include "runtime/capture/instruction_trace.h"
#include "runtime/entry/interpreters.h"
#include "runtime/python/layout.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "runtime/variables/wishes.h"

namespace vtn::runtime {

namespace {

constexpr PySize kMostStateBytes = 1024;   // searched for the function
constexpr PySize kMostStateSpan = 0x1000;  // no state is as large

struct {
  PyProfileFunction function;
  PySize function_offset;    // of c_profilefunc in a thread state; 0: not known
  unsigned char is_tracing;  // what says "a function is set", in the first byte of a C frame
  uint32_t ready;
  uint64_t newest_thread_id;
  const PyMethodDef* starters[2];  // of the module _thread
} g_threads;

// The word before c_profilefunc: the C frame of the evaluation that runs, at first one within the
// state itself.
char* c_frame(const PyThread* state) {
  return field<char*>(state, g_threads.function_offset - static_cast<PySize>(sizeof(void*)));
}

bool lies_within(const PyThread* state, const char* address) {
  const auto distance = static_cast<uintptr_t>(address - reinterpret_cast<const char*>(state));
  return distance < kMostStateSpan;
}

// The current thread has the function: so it stands in its state, and its C frame says so.
void find_fields() {
  const PyThread* state = g_python.PyThreadState_Get();
  const auto wanted = reinterpret_cast<uintptr_t>(g_threads.function);
  for (PySize offset = sizeof(void*); offset < kMostStateBytes; offset += sizeof(void*)) {
    if (field<uintptr_t>(state, offset) != wanted) {
      continue;
    }
    g_threads.function_offset = offset;
    g_threads.is_tracing = static_cast<unsigned char>(*c_frame(state));
    if (g_threads.is_tracing != tracing_mark(g_python.minor)) {
      g_threads.function_offset = 0;
    }
    return;
  }
}

void find_starters() {
  PyObject* modules = g_python.PySys_GetObject("modules");
  PyObject* thread =
      modules == nullptr ? nullptr : g_python.PyDict_GetItemString(modules, "_thread");
  if (thread == nullptr || !g_python.PyType_IsSubtype(type_of(thread), g_python.PyModule_Type)) {
    return;
  }
  PyObject* dictionary = g_python.PyModule_GetDict(thread);
  constexpr const char* kNames[] = {"start_new_thread", "start_joinable_thread"};
  for (size_t i = 0; i < 2; ++i) {
    PyObject* starter = g_python.PyDict_GetItemString(dictionary, kNames[i]);
    if (starter != nullptr && type_of(starter) == g_python.PyCFunction_Type) {
      g_threads.starters[i] = cfunction_def(starter);
    }
  }
}

// Whether a state in the interpreter's list can be used. One that another thread makes, without the
// GIL, stands there before it is filled in (3.11), its C frame last; it will have its function by
// its key.
bool is_made(const PyThread* state) {
  return g_threads.function_offset == 0 || c_frame(state) != nullptr;
}

bool has_function(const PyThread* state) {
  return g_threads.function_offset != 0 &&
         field<PyProfileFunction>(state, g_threads.function_offset) == g_threads.function;
}

}  // namespace

void start_profile_threads(PyProfileFunction function) {
  g_threads.function = function;
  g_threads.newest_thread_id = 0;
  if (has_one_profiler_per_thread(g_python.minor)) {
    find_fields();
    if (bindings_wanted()) {
      start_instruction_trace(g_threads.function_offset);
    }
    watch_c_profilers(function, g_threads.function_offset);
    guard_own_profile(tracer::current_thread());
  }
  find_starters();
  store_release(&g_threads.ready, uint32_t{1});
  cover_new_threads();
}

void on_thread_value(const void* value) {
  // Acquire: pairs with the release at the start.
  if (load_acquire(&g_threads.ready) == 0 || g_threads.function_offset == 0 ||
      value != g_python.PyGILState_GetThisThreadState()) {
    return;
  }
  auto* state = static_cast<PyThread*>(const_cast<void*>(value));
  char* frame = c_frame(state);
  auto* set = reinterpret_cast<PyProfileFunction*>(reinterpret_cast<char*>(state) +
                                                   g_threads.function_offset);
  if (*set == nullptr && lies_within(state, frame) && *frame == 0) {
    *set = g_threads.function;
    *frame = static_cast<char>(g_threads.is_tracing);
  }
}

namespace {

// 3.10 and 3.11, where one GIL serves all interpreters.
void cover_sub_interpreters(const PyInterp* main) {
  for (PyInterp* interpreter = g_python.PyInterpreterState_Head(); interpreter != nullptr;
       interpreter = g_python.PyInterpreterState_Next(interpreter)) {
    if (interpreter == main || !interpreter_is_settled(interpreter_id(interpreter))) {
      continue;
    }
    for (PyThread* state = g_python.PyInterpreterState_ThreadHead(interpreter); state != nullptr;
         state = g_python.PyThreadState_Next(state)) {
      if (is_made(state) && field<PyProfileFunction>(state, g_threads.function_offset) == nullptr) {
        (void)set_profile(state);
      }
    }
  }
}

}  // namespace

bool starts_thread(const PyObject* callable) {
  if (type_of(callable) != g_python.PyCFunction_Type) {
    return false;
  }
  const PyMethodDef* definition = cfunction_def(callable);
  return definition == g_threads.starters[0] || definition == g_threads.starters[1];
}

void cover_new_threads() {
  if (load_acquire(&g_threads.ready) == 0 || g_python._PyEval_SetProfile == nullptr) {
    return;
  }
  PyInterp* main = g_python.PyInterpreterState_Main();
  if (interpreters_have_own_gil(g_python.minor) && current_interpreter() != main) {
    return;  // the states of another GIL
  }
  const KeepErrno keep_errno;
  if (g_threads.function_offset != 0) {
    cover_sub_interpreters(main);
  }
  uint64_t newest = g_threads.newest_thread_id;
  for (PyThread* state = g_python.PyInterpreterState_ThreadHead(main); state != nullptr;
       state = g_python.PyThreadState_Next(state)) {
    const uint64_t id = g_python.PyThreadState_GetID(state);
    if (id > g_threads.newest_thread_id && is_made(state)) {
      if (!has_function(state)) {
        (void)set_profile(state);
      }
      newest = id > newest ? id : newest;
    }
  }
  g_threads.newest_thread_id = newest;
}

namespace {

PySize find_function(const PyThread* state) {
  for (PySize offset = 0; offset < kMostStateBytes; offset += sizeof(void*)) {
    if (field<PyProfileFunction>(state, offset) == g_threads.function) {
      return offset;
    }
  }
  return 0;
}

}  // namespace

void end_profile_threads() {
  store_release(&g_threads.ready, uint32_t{0});
  stop_instruction_trace();
  const PySize offset = g_threads.function_offset != 0
                            ? g_threads.function_offset
                            : find_function(g_python.PyThreadState_Get());
  PyInterp* const mine = current_interpreter();
  for (PyInterp* interpreter = g_python.PyInterpreterState_Head(); interpreter != nullptr;
       interpreter = g_python.PyInterpreterState_Next(interpreter)) {
    if (offset == 0 || (interpreters_have_own_gil(g_python.minor) && interpreter != mine)) {
      continue;
    }
    for (PyThread* state = g_python.PyInterpreterState_ThreadHead(interpreter); state != nullptr;
         state = g_python.PyThreadState_Next(state)) {
      if (field<PyProfileFunction>(state, offset) == g_threads.function) {
        remove_profile(state);
      }
    }
  }
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/c_profilers.h"

#include "runtime/capture/backends.h"
#include "runtime/capture/thread_part.h"
#include "runtime/entry/audit_hook.h"
#include "runtime/python/layout.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "tracer/names_writer.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

namespace {

struct {
  PyProfileFunction function;
  PySize function_offset;  // in a thread state; 0: C profilers are not watched
  PySize trace_offset;     // of c_tracefunc
  int own_changes;
  bool present;
} g_guard;

PyProfileFunction function_of(const PyThread* state) {
  return field<PyProfileFunction>(state, g_guard.function_offset);
}

PyObject** object_of(PyThread* state) {
  return reinterpret_cast<PyObject**>(reinterpret_cast<char*>(state) + g_guard.function_offset +
                                      kProfileObjectDistance);
}

struct Search {
  const PyThread* state;
  bool paused;   // what its mark shall be
  bool changed;  // it was another
};

void mark_thread(tracer::ThreadState* thread, void* argument) {
  auto* search = static_cast<Search*>(argument);
  ThreadPart* part = part_of(thread);
  if (thread->registered == 0 || thread->in_use == 0 || part->python_state != search->state ||
      (part->profile_paused != 0) == search->paused) {
    return;
  }
  part->profile_paused = search->paused ? 1 : 0;
  search->changed = true;
  tracer::record_gap(thread, GapReason::kOtherProfiler);
}

bool mark(const PyThread* state, bool paused) {
  Search search = {state, paused, false};
  tracer::visit_threads(mark_thread, &search);
  return search.changed;
}

PyProfileFunction* trace_function_of(PyThread* state) {
  return reinterpret_cast<PyProfileFunction*>(reinterpret_cast<char*>(state) +
                                              g_guard.trace_offset);
}

// Resumes where no profile function is left.
int look_at_profiles(void*) {
  if (!profile_installed() || g_guard.function_offset == 0) {
    return 0;
  }
  const KeepErrno keep_errno;
  bool others = false;
  for (PyThread* state = g_python.PyInterpreterState_ThreadHead(g_python.PyInterpreterState_Main());
       state != nullptr;
       state = g_python.PyThreadState_Next(state)) {
    const PyProfileFunction set = function_of(state);
    if (set == nullptr && mark(state, false)) {
      (void)set_profile(state);
    } else if (set != nullptr && set != g_guard.function) {
      others = true;
    }
  }
  g_guard.present = others;
  if (!others) {
    (void)unlink_audit_hook();
  }
  return 0;
}

// A trace function, which has the form of a profile function.
int look_once(PyObject*, PyFrame*, int, PyObject*) {
  *trace_function_of(g_python.PyThreadState_Get()) = nullptr;
  return look_at_profiles(nullptr);
}

struct Arming {
  PyThread* state;
  bool paused;
};

void find_paused(tracer::ThreadState* thread, void* argument) {
  auto* arming = static_cast<Arming*>(argument);
  const ThreadPart* part = part_of(thread);
  arming->paused = arming->paused || (part->python_state == arming->state && part->profile_paused);
}

// CPython drops the object beside our function: another function takes its place, or the thread
// ends, in which case no frame is left.
void guard_dropped(PyObject* guard) {
  if (g_guard.own_changes != 0 || !profile_installed()) {
    return;
  }
  const auto* state = static_cast<const PyThread*>(g_python.PyCapsule_GetPointer(guard, nullptr));
  if (g_python.PyEval_GetFrame() == nullptr || !mark(state, true)) {
    return;
  }
  const KeepErrno keep_errno;
  const PendingException pending;
  (void)tracer::publish_text(
      NameRecord::kNotice, static_cast<uint32_t>(NoticeKind::kProfilerTaken), {});
  g_guard.present = true;
  link_audit_hook();
}

}  // namespace

OwnChange::OwnChange() { ++g_guard.own_changes; }
OwnChange::~OwnChange() { --g_guard.own_changes; }

void watch_c_profilers(PyProfileFunction function, PySize function_offset) {
  g_guard.function = function;
  g_guard.function_offset = function_offset;
  g_guard.trace_offset = function_offset + static_cast<PySize>(sizeof(void*));
}

void leave_c_profilers() {
  g_guard.function_offset = 0;
  if (g_guard.present) {
    g_guard.present = false;
    (void)unlink_audit_hook();
  }
}

void guard_profile(PyThread* state) {
  if (g_guard.function_offset == 0 || function_of(state) != g_guard.function ||
      *object_of(state) != nullptr) {
    return;
  }
  const PendingException pending;
  *object_of(state) = g_python.PyCapsule_New(state, nullptr, guard_dropped);
  g_python.PyErr_Clear();
}

void guard_own_profile(tracer::ThreadState* thread) {
  if (g_guard.function_offset != 0) {
    PyThread* state = g_python.PyThreadState_Get();
    part_of(thread)->python_state = state;
    guard_profile(state);
  }
}

void profile_function_changes() {
  if (!g_guard.present || g_guard.function_offset == 0) {
    return;
  }
  for (PyThread* state = g_python.PyInterpreterState_ThreadHead(g_python.PyInterpreterState_Main());
       state != nullptr;
       state = g_python.PyThreadState_Next(state)) {
    Arming arming = {state, false};
    tracer::visit_threads(find_paused, &arming);
    if (arming.paused && *trace_function_of(state) == nullptr) {
      *trace_function_of(state) = look_once;
    }
  }
  (void)g_python.Py_AddPendingCall(look_at_profiles, nullptr);
}

bool c_profiler_is_set() { return g_guard.present; }

bool is_profile_guard(const PyObject* object) {
  PyThread* state = g_python.PyThreadState_Get();
  return g_guard.function_offset != 0 && object != nullptr &&
         function_of(state) == g_guard.function && *object_of(state) == object;
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
#include "runtime/values/own_code.h"

#include <sys/syscall.h>

#include "base/freestanding/syscalls.h"
#include "runtime/capture/thread_part.h"
#include "runtime/entry/interpreters.h"
#include "runtime/python/layout.h"

namespace vtn::runtime {

namespace {

// `raised`: an exception, or a class of which one is to be made.
int raise_again(void* raised) {
  auto* const object = static_cast<PyObject*>(raised);
  if (is_metatype(type_of(object))) {
    g_python.PyErr_SetObject(object, nullptr);
  } else {
    g_python.PyErr_SetObject(type_of(object), object);
  }
  g_python.Py_DecRef(object);
  return -1;
}

// Calls that are pending are made by the main thread, in the main interpreter.
void hand_back(PyObject* type, PyRef raised) {
  if (raw_syscall(SYS_gettid) != raw_syscall(SYS_getpid) ||
      current_interpreter() != g_python.PyInterpreterState_Main()) {
    (void)g_python.PyThreadState_SetAsyncExc(g_python.PyThread_get_thread_ident(), type);
  } else if (g_python.Py_AddPendingCall(raise_again, raised.get()) == 0) {
    (void)raised.release();  // its reference goes along
  }
}

bool ends_programs(PyObject* type) {
  return g_python.PyType_IsSubtype(type, *g_python.PyExc_KeyboardInterrupt) != 0 ||
         g_python.PyType_IsSubtype(type, *g_python.PyExc_SystemExit) != 0;
}

}  // namespace

Muted::Muted() { ++part_of(tracer::current_thread())->muted; }

// Asks for the thread again: it has another state in a forked child, where nothing is muted yet.
Muted::~Muted() {
  uint32_t& muted = part_of(tracer::current_thread())->muted;
  muted -= muted != 0 ? 1 : 0;
}

PyRef take_own_exception() {
  PyObject* fetched_type = nullptr;
  PyObject* fetched = nullptr;
  PyObject* fetched_traceback = nullptr;
  g_python.PyErr_Fetch(&fetched_type, &fetched, &fetched_traceback);
  if (fetched_type != nullptr) {  // before 3.12 it may be what an exception will be made of
    g_python.PyErr_NormalizeException(&fetched_type, &fetched, &fetched_traceback);
  }
  const PyRef type = PyRef::steal(fetched_type);
  const PyRef traceback = PyRef::steal(fetched_traceback);
  PyRef exception = PyRef::steal(fetched);
  if (type && ends_programs(type.get())) {
    const bool is_instance = exception && type_of(exception.get()) == type.get();
    hand_back(type.get(), is_instance ? PyRef::hold(exception.get()) : PyRef::hold(type.get()));
  }
  return exception;
}

}  // namespace vtn::runtime

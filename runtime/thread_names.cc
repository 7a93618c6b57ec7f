// SPDX-License-Identifier: Apache-2.0
#include "runtime/thread_names.h"

#include <sys/syscall.h>

#include "base/freestanding/syscalls.h"
#include "runtime/text.h"
#include "tracer/names_writer.h"

namespace vtn {

namespace {

// threading._active[ident], borrowed; null when it is not there.
PyObject* thread_object() {
  PyObject* modules = g_python.PySys_GetObject("modules");
  PyObject* threading =
      modules == nullptr ? nullptr : g_python.PyDict_GetItemString(modules, "threading");
  if (threading == nullptr ||
      !g_python.PyType_IsSubtype(type_of(threading), g_python.PyModule_Type)) {
    return nullptr;
  }
  PyObject* dictionary = g_python.PyModule_GetDict(threading);
  PyObject* active =
      dictionary == nullptr ? nullptr : g_python.PyDict_GetItemString(dictionary, "_active");
  const PyRef ident =
      PyRef::steal(g_python.PyLong_FromUnsignedLong(g_python.PyThread_get_thread_ident()));
  return active == nullptr || !ident ? nullptr
                                     : g_python.PyDict_GetItemWithError(active, ident.get());
}

// The instance's own `_name`. A class that makes `_name` a descriptor has code to run: not asked.
PyRef own_name(PyObject* thread) {
  const PyRef attribute = PyRef::steal(g_python.PyUnicode_FromString("_name"));
  if (!attribute || g_python._PyType_Lookup == nullptr ||
      g_python._PyType_Lookup(type_of(thread), attribute.get()) != nullptr) {
    return {};
  }
  return PyRef::steal(g_python.PyObject_GenericGetAttr(thread, attribute.get()));
}

}  // namespace

bool name_thread(ThreadState* thread) {
  const KeepErrno keep_errno;
  const PendingException pending;
  PyObject* object = thread_object();
  if (object != nullptr) {
    const PyRef name = own_name(object);
    const Utf8 text(name.get());
    if (text.text().bytes != 0) {
      (void)publish_text(NameRecord::kThreadName, thread->thread, text.text());
      return true;
    }
  }
  if (raw_syscall(SYS_getpid) == static_cast<long>(thread->tid)) {
    // What threading would call it, were it imported.
    (void)publish_text(NameRecord::kThreadName, thread->thread, text_of("MainThread"));
    return true;
  }
  return false;
}

}  // namespace vtn

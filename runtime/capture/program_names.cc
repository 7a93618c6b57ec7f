// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/program_names.h"

#include <sys/syscall.h>

#include "base/freestanding/syscalls.h"
#include "runtime/entry/process.h"
#include "runtime/python/text.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

namespace {

// A variable of a module, borrowed; null when the module is not there, or the variable is not.
PyObject* module_variable(const char* module_name, const char* variable) {
  PyObject* modules = g_python.PySys_GetObject("modules");
  PyObject* module =
      modules == nullptr ? nullptr : g_python.PyDict_GetItemString(modules, module_name);
  if (module == nullptr || !g_python.PyType_IsSubtype(type_of(module), g_python.PyModule_Type)) {
    return nullptr;
  }
  PyObject* dictionary = g_python.PyModule_GetDict(module);
  return dictionary == nullptr ? nullptr : g_python.PyDict_GetItemString(dictionary, variable);
}

// threading._active[ident], borrowed; null when it is not there.
PyObject* thread_object() {
  PyObject* active = module_variable("threading", "_active");
  const PyRef ident =
      PyRef::steal(g_python.PyLong_FromUnsignedLong(g_python.PyThread_get_thread_ident()));
  return active == nullptr || !ident ? nullptr
                                     : g_python.PyDict_GetItemWithError(active, ident.get());
}

// The instance's own `_name`. A class that makes `_name` a descriptor has code to run: not asked.
PyRef own_name(PyObject* object) {
  const PyRef attribute = PyRef::steal(g_python.PyUnicode_FromString("_name"));
  if (!attribute || g_python._PyType_Lookup == nullptr ||
      g_python._PyType_Lookup(type_of(object), attribute.get()) != nullptr) {
    return {};
  }
  return PyRef::steal(g_python.PyObject_GenericGetAttr(object, attribute.get()));
}

}  // namespace

bool name_thread(tracer::ThreadState* thread) {
  const KeepErrno keep_errno;
  const PendingException pending;
  PyObject* object = thread_object();
  if (object != nullptr) {
    const PyRef name = own_name(object);
    const Utf8 text(name.get());
    if (text.text().bytes != 0) {
      (void)tracer::publish_text(NameRecord::kThreadName, thread->thread, text.text());
      return true;
    }
  }
  if (raw_syscall(SYS_getpid) == static_cast<long>(thread->tid)) {
    // What threading would call it, were it imported.
    (void)tracer::publish_text(NameRecord::kThreadName, thread->thread, text_of("MainThread"));
    return true;
  }
  return false;
}

bool name_process() {
  const KeepErrno keep_errno;
  const PendingException pending;
  PyObject* process = module_variable("multiprocessing.process", "_current_process");
  if (process == nullptr) {
    return false;
  }
  const PyRef name = own_name(process);
  const Utf8 text(name.get());
  if (text.text().bytes == 0 || text.equals("MainProcess")) {
    return false;
  }
  const uint64_t hash = tracer::hash_text(text.text(), 1) | 1;
  tracer::ensure_process();
  if (runtime_root()->process_name_hash != hash) {
    runtime_root()->process_name_hash = hash;
    (void)tracer::publish_text(NameRecord::kProcessName, 0, text.text());
  }
  return true;
}

}  // namespace vtn::runtime

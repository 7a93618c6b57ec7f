// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/program_names.h"

#include <sys/syscall.h>

#include "base/freestanding/syscalls.h"
#include "runtime/capture/thread_part.h"
#include "runtime/entry/process.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "tracer/thread_writer.h"

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

void publish_name(tracer::ThreadState* thread, tracer::Text name) {
  const uint64_t hash = tracer::hash_text(name, 1) | 1;
  if (part_of(thread)->name_hash == hash) {
    return;
  }
  const bool renamed = part_of(thread)->name_hash != 0;
  part_of(thread)->name_hash = hash;
  (void)tracer::publish_text(NameRecord::kThreadName, thread->thread, name);
  if (renamed) {
    tracer::record_note(thread, NoteKind::kThreadName, 0, name.data, name.bytes);
  }
}

bool ends_with(tracer::Text text, tracer::Text end) {
  return text.bytes >= end.bytes &&
         __builtin_memcmp(text.data + text.bytes - end.bytes, end.data, end.bytes) == 0;
}

bool is(tracer::Text text, const char* literal) {
  const tracer::Text other = text_of(literal);
  return text.bytes == other.bytes && ends_with(text, other);
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
      publish_name(thread, text.text());
      return true;
    }
  }
  if (part_of(thread)->name_hash == 0 &&
      raw_syscall(SYS_getpid) == static_cast<long>(thread->tid)) {
    // What threading would call it, were it imported.
    publish_name(thread, text_of("MainThread"));
  }
  return part_of(thread)->name_hash != 0;
}

bool tells_of_name(PyObject* code, tracer::Text name, tracer::Text file) {
  const char* const own = code_has_qualname(g_python.minor) ? "Thread." : "";
  const size_t own_bytes = text_of(own).bytes;
  if (!ends_with(file, text_of("threading.py")) || name.bytes < own_bytes ||
      __builtin_memcmp(name.data, own, own_bytes) != 0) {
    return false;
  }
  const tracer::Text method = {name.data + own_bytes, name.bytes - own_bytes};
  if (is(method, "run") || is(method, "_delete")) {
    return true;
  }
  if (!is(method, "name")) {
    return false;
  }
  // The property has two functions of that name; the one that sets it takes two arguments.
  const PyRef arguments = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_argcount"));
  return arguments && g_python.PyLong_AsLong(arguments.get()) == 2;
}

void name_may_change(tracer::ThreadState* thread) {
  // The end of the function that sets it, where that is not told of by its code; one more for a
  // call that it makes.
  constexpr uint32_t kMoreVisits = 2;
  tracer::ask_for_visits(thread, kMoreVisits);
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

// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. From objects of the program to ids of the names stream, and how long such an id holds.
//
//  code object   the id lies in its co_extra, whose free function is the notice of its death
//  C function    by its definition and the type of self; C method: by definition and owning type
//  class         by its address and name; any other callable: by its type
//
// No attribute of an object of the program is looked up and no reference is kept. An address comes
// back at once, so a remembered one is trusted only where it can never be freed (it lies in a loaded
// library) or where the names behind it still read the same. All need the GIL.
#pragma once

#include <stdint.h>

#include "runtime/layout.h"
#include "tracer/engine.h"
#include "tracer/event_abi.h"

namespace vtn {

// Before anything else here. False: the interpreter has no room for another co_extra.
// `find_object`: glibc's _dl_find_object (takes no lock), or null.
bool start_functions(int (*find_object)(void* address, void* result));

[[gnu::noinline]] uint32_t code_id_slow(ThreadState* thread, PyObject* code);
[[gnu::noinline]] uint32_t callable_id_slow(ThreadState* thread,
                                            PyObject* callable,
                                            const void* key,
                                            const void* type);
[[gnu::noinline]] uint32_t other_callable_id(ThreadState* thread, PyObject* callable, int depth);

// Whether the names that a cache entry was made from still read the same.
[[gnu::noinline]] bool same_names(const CallableCacheEntry& entry);

// `code` may be no code object at all (Cython, Numba): then its type names it.
inline uint32_t code_id(ThreadState* thread, PyObject* code) {
  const CodeCacheEntry& entry = thread->codes[code_cache_slot(code)];
  if (__builtin_expect(entry.code == code, 1)) {
    return entry.id;
  }
  return code_id_slow(thread, code);
}

// What tells a C function or C method from all others.
struct CallableKey {
  const PyMethodDef* definition;
  const PyObject* type;  // of self, or that owns the method; null: none
};

// False: neither a C function nor a C method.
inline bool callable_key(PyObject* callable, const PyObject* kind, CallableKey* key) {
  if (kind == g_python.PyCFunction_Type || kind == g_python.PyCMethod_Type) {
    const PyObject* self = cfunction_self(callable);
    key->definition = cfunction_def(callable);
    key->type = self == nullptr ? nullptr : type_of(self);
    return true;
  }
  if (kind == g_python.PyMethodDescr_Type || kind == g_python.PyClassMethodDescr_Type) {
    key->definition = descriptor_def(callable);
    key->type = descriptor_type(callable);
    return true;
  }
  return false;
}

// kIdNone for a Python function: its own events tell of it.
inline uint32_t callable_id(ThreadState* thread, PyObject* callable) {
  const PyObject* const kind = type_of(callable);
  if (kind == g_python.PyFunction_Type) {
    return kIdNone;
  }
  CallableKey key;
  if (!callable_key(callable, kind, &key)) {
    return other_callable_id(thread, callable, 0);
  }
  const CallableCacheEntry& entry =
      thread->callables[callable_cache_slot(key.definition, key.type)];
  if (__builtin_expect(entry.key == key.definition && entry.type == key.type, 1) &&
      (entry.text_hash == 0 || same_names(entry))) {
    return entry.id;
  }
  return callable_id_slow(thread, callable, key.definition, key.type);
}

}  // namespace vtn

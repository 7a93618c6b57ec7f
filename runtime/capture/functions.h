// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. From objects of the program to ids of the names stream, and how long such an id holds.
//
//  code object   the id lies in its co_extra, whose free function is the notice of its death
//  C function    by its definition and the type of self; C method: by definition and owning type
//  class         by its address, module and name; any other callable: by its type
//
// No attribute of an object of the program is looked up and no reference is kept. An address comes
// back at once, so a remembered one is trusted only
//
//   where it can never be freed: it lies in a loaded library,
//   or where the type there is in the state it was in (its version tag) and its name lies where it
//   lay: the number is given once, so it is the same type, and what renames it moves the name,
//   or where the names behind it still read the same.
//
// All need the GIL.
#pragma once

#include <stdint.h>

#include "abi/event_abi.h"
#include "abi/names_abi.h"
#include "runtime/capture/thread_part.h"
#include "runtime/python/layout.h"
#include "runtime/values/arguments.h"
#include "tracer/engine.h"

namespace vtn::runtime {

struct CodePlan;

// In each interpreter before anything else here. False: it has no room for another co_extra.
// `find_object`: glibc's _dl_find_object (takes no lock), or null.
bool start_functions(int (*find_object)(void* address, void* result));

// What tells a callable from all others, and where its names stand.
struct CallableKey {
  const void* key;   // a C function's or method's definition; a class; the class of any other
  const void* type;  // the type of self, or that owns the method, or null; a mark for the others
};

// Marks: addresses that no type has.
inline const void* class_mark() { return &g_python; }
inline const void* instance_mark() { return &g_python.version; }

inline bool is_named_by_class(const CallableKey& key) {
  return key.type == class_mark() || key.type == instance_mark();
}

// `globals` as of code_ids.
[[gnu::noinline]] CodeIds code_ids_slow(tracer::ThreadState* thread,
                                        PyObject* code,
                                        PyObject* globals);
[[gnu::noinline]] uint32_t callable_id_slow(tracer::ThreadState* thread,
                                            PyObject* callable,
                                            const CallableKey& key);
// What a bound method is bound to.
[[gnu::noinline]] uint32_t method_id(tracer::ThreadState* thread, PyObject* method);

// `code` may be no code object at all (Cython, Numba): then its type names it. What C code sends
// events of, rather than a frame, is never remembered in the thread: its events take the general
// way each time, which looks for a pending exception. `globals`: of its frame, where that is not
// the current one. Both ids of a function that a filter hides are kIdHidden.
inline CodeIds code_ids(tracer::ThreadState* thread, PyObject* code, PyObject* globals = nullptr) {
  const CodeCacheEntry& entry = part_of(thread)->codes[code_cache_slot(code)];
  if (__builtin_expect(entry.code == code, 1)) {
    return entry.ids;
  }
  return code_ids_slow(thread, code, globals);
}

// Whether the thread knows the code, which then has frames that CPython runs, and whose death will
// be told of.
inline bool is_remembered(const tracer::ThreadState* thread, const PyObject* code) {
  return part_of(thread)->codes[code_cache_slot(code)].code == code;
}

// What the threads know of the code is void: its next event asks again.
void forget_in_threads(const void* code);

// Of what is no object: the id of that name; kIdHidden: a filter hides it.
uint32_t named_id(FunctionKind kind, tracer::Text name);

// Whether it is known that a filter hides the code. Asks nobody: what is not known is not hidden.
bool is_known_hidden(const tracer::ThreadState* thread, PyObject* code);

// Whether events of that id are recorded.
inline bool is_recorded(uint32_t id) { return id != kIdNone && id != kIdHidden; }

// What is to be told of the calls of a code that code_ids() was asked for (BriefValues); 0 of what
// has no frames that CPython runs.
uint16_t values_of_unremembered(PyObject* code);
inline uint16_t values_of(const tracer::ThreadState* thread, PyObject* code) {
  return __builtin_expect(is_remembered(thread, code), 1)
             ? part_of(thread)->values[code_cache_slot(code)]
             : values_of_unremembered(code);
}
// The row of the known function (known/known_functions.h) whose code it is, of a code that
// code_ids() was asked for; 0: it is none. Threads do not remember such a code.
extern bool g_known_function_met;
uint8_t known_function_of_unremembered(PyObject* code);
inline uint8_t known_function_of(const tracer::ThreadState* thread, PyObject* code) {
  return __builtin_expect(g_known_function_met, 0) && !is_remembered(thread, code)
             ? known_function_of_unremembered(code)
             : uint8_t{0};
}
// The whole of it.
WantedValues wanted_values_of(PyObject* code);

// What is to be told of what the code binds, of this process; null: nothing.
CodePlan* plan_of(tracer::ThreadState* thread, PyObject* code);

// Whether a frame that is about to run goes on with what it did before. Only where nothing else
// tells, and for code whose two ids differ.
bool is_resumed(PyFrame* frame, PyObject* code);

// Hash of a C string, a word at a time: what lies behind its end is masked off. A word that would
// reach into the next page is put together byte by byte. AddressSanitizer would have the reading
// end with the string.
[[gnu::no_sanitize_address]] inline uint64_t hash_c_string(const char* text, uint64_t hash) {
  constexpr uint64_t kLow = 0x0101'0101'0101'0101u;
  constexpr uint64_t kHigh = 0x8080'8080'8080'8080u;
  constexpr uint64_t kPrime = 0x9e37'79b9'7f4a'7c15u;
  for (;; text += sizeof(uint64_t)) {
    uint64_t word = 0;
    if (__builtin_expect((reinterpret_cast<uintptr_t>(text) & 4095) <= 4096 - sizeof(word), 1)) {
      __builtin_memcpy(&word, text, sizeof(word));
    } else {
      for (unsigned i = 0; i < sizeof(word) && text[i] != 0; ++i) {
        word |= static_cast<uint64_t>(static_cast<unsigned char>(text[i])) << (8 * i);
      }
    }
    const uint64_t zero = (word - kLow) & ~word & kHigh;  // lowest set bit: the first zero byte
    if (zero != 0) {
      // (zero & -zero) is the top bit of that byte; below it remain the bytes before and 7 bits
      // of the zero byte, which are zero.
      word &= (zero & -zero) - 1;
    }
    hash = (hash ^ word) * kPrime;
    hash ^= hash >> 29;
    if (zero != 0) {
      return hash;
    }
  }
}

// The names as they read now, never 0. A class has one name (and its module, which is looked up:
// callable_id_slow), a C function its own and its type's.
inline uint64_t names_hash(const CallableKey& key) {
  uint64_t hash;
  if (is_named_by_class(key)) {
    hash = hash_c_string(type_name(static_cast<const PyObject*>(key.key)), 1);
  } else {
    hash = hash_c_string(static_cast<const PyMethodDef*>(key.key)->name, 2);
    if (key.type != nullptr) {
      hash = hash_c_string(type_name(static_cast<const PyObject*>(key.type)), hash);
    }
  }
  return hash | 1;
}

// False: a bound method of something that is no C function, or a Python function.
inline bool callable_key(PyObject* callable, const PyObject* kind, CallableKey* key) {
  if (kind == g_python.PyCFunction_Type || kind == g_python.PyCMethod_Type) {
    const PyObject* self = cfunction_self(callable);
    *key = {cfunction_def(callable), self == nullptr ? nullptr : type_of(self)};
    return true;
  }
  if (kind == g_python.PyMethodDescr_Type || kind == g_python.PyClassMethodDescr_Type) {
    *key = {descriptor_def(callable), descriptor_type(callable)};
    return true;
  }
  if (kind == g_python.PyMethod_Type || kind == g_python.PyFunction_Type) {
    return false;
  }
  *key =
      is_metatype(kind) ? CallableKey{callable, class_mark()} : CallableKey{kind, instance_mark()};
  return true;
}

// The type whose name is part of the names; null: none.
inline const PyObject* named_type(const CallableKey& key) {
  return static_cast<const PyObject*>(is_named_by_class(key) ? key.key : key.type);
}

// Whether nothing can have changed behind the entry's addresses.
inline bool is_unchanged(const CallableCacheEntry& entry, const CallableKey& key) {
  if (entry.type_name == nullptr) {
    return true;
  }
  if (entry.version_tag == 0) {
    return false;
  }
  const PyObject* const type = named_type(key);
  return version_tag(type) == entry.version_tag && type_name(type) == entry.type_name;
}

// The entry that may be trusted, or null: callable_id_slow looks in the other place, and at the
// text of the names.
inline const CallableCacheEntry* known_callable(const tracer::ThreadState* thread,
                                                const CallableKey& key) {
  const CallableCacheEntry& entry =
      part_of(thread)->callables[callable_cache_slot(key.key, key.type)];
  return entry.key == key.key && entry.type == key.type && is_unchanged(entry, key) ? &entry
                                                                                    : nullptr;
}

// kIdNone for a Python function: its own events tell of it. kIdHidden: a filter hides it.
inline uint32_t callable_id(tracer::ThreadState* thread, PyObject* callable) {
  const PyObject* const kind = type_of(callable);
  if (kind == g_python.PyFunction_Type) {
    return kIdNone;
  }
  CallableKey key;
  if (!callable_key(callable, kind, &key)) {
    return method_id(thread, callable);
  }
  const CallableCacheEntry* entry = known_callable(thread, key);
  return entry != nullptr ? entry->id : callable_id_slow(thread, callable, key);
}

}  // namespace vtn::runtime

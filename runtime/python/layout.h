// SPDX-License-Identifier: Apache-2.0
//
// The layout facts that the runtime reads CPython objects by, each compared with what the public
// API says before anything is recorded (check_layout). They hold for 3.10 to 3.15 with the GIL.
// All accessors need the GIL and run no code of the program.
#pragma once

#include <stdint.h>

#include "runtime/python/python_api.h"

namespace vtn::runtime {

inline constexpr PySize kHeadBytes = 16;  // object.__basicsize__: reference count, type

template <class T>
inline T field(const void* object, PySize offset) {
  return *reinterpret_cast<T const*>(static_cast<const char*>(object) + offset);
}

inline constexpr PySize kCellContents = kHeadBytes;

inline PyObject* type_of(const PyObject* object) {
  return field<PyObject*>(object, kHeadBytes - 8);
}

// A type: its size word, then tp_name.
inline const char* type_name(const PyObject* type) {
  return field<const char*>(type, kHeadBytes + 8);
}

// A type that types are instances of: `type` and what is derived from it.
inline bool is_metatype(const PyObject* type) {
  constexpr uint64_t kTypeSubclass = 1u << 31;  // Py_TPFLAGS_TYPE_SUBCLASS
  return (field<uint64_t>(type, kHeadBytes + 152) & kTypeSubclass) != 0;
}

// A type of exceptions.
inline bool is_exception_type(const PyObject* type) {
  constexpr uint64_t kExceptionSubclass = 1u << 30;  // Py_TPFLAGS_BASE_EXC_SUBCLASS
  return (field<uint64_t>(type, kHeadBytes + 152) & kExceptionSubclass) != 0;
}

// A type whose instances, as attributes of a class, are asked for the attribute: tp_descr_get and
// tp_descr_set.
inline bool is_descriptor(const PyObject* type) {
  return field<const void*>(type, kHeadBytes + 256) != nullptr ||
         field<const void*>(type, kHeadBytes + 264) != nullptr;
}

// The number that CPython has for this state of this type, 0: none now. Changing the type takes it
// away, and no other type or state ever gets it (versions.h: has_version_tags).
inline uint32_t version_tag(const PyObject* type) {
  return field<uint32_t>(type, kHeadBytes + 368);
}

// A builtin function or bound C method.
inline const PyMethodDef* cfunction_def(const PyObject* function) {
  return field<const PyMethodDef*>(function, kHeadBytes);
}
inline PyObject* cfunction_self(const PyObject* function) {
  return field<PyObject*>(function, kHeadBytes + 8);
}
inline PyObject* cfunction_module(const PyObject* function) {
  return field<PyObject*>(function, kHeadBytes + 16);
}

// A method descriptor: type, name, qualified name, definition.
inline PyObject* descriptor_type(const PyObject* descriptor) {
  return field<PyObject*>(descriptor, kHeadBytes);
}
inline const PyMethodDef* descriptor_def(const PyObject* descriptor) {
  return field<const PyMethodDef*>(descriptor, kHeadBytes + 24);
}

// An attribute's descriptor, likewise.
inline const PyGetSetDef* descriptor_attribute(const PyObject* descriptor) {
  return field<const PyGetSetDef*>(descriptor, kHeadBytes + 24);
}

// Where the characters of ASCII strs are; 0: nobody knows, ask the API.
extern PySize g_ascii_characters;
inline constexpr PySize kStringLength = kHeadBytes;
inline constexpr PySize kStringState = kHeadBytes + 16;  // behind length and hash
// Of the state: how wide a character is (1 byte), that all lies in one piece, that it is ASCII.
inline constexpr uint32_t kStringKindMask = 0x7c;
inline constexpr uint32_t kStringIsAscii = 0x64;

// Whether the str, or what is derived from it, is ASCII text that can be read where it lies. May
// answer no of text that is.
inline bool is_ascii_text(const PyObject* string) {
  return g_ascii_characters != 0 &&
         (field<uint32_t>(string, kStringState) & kStringKindMask) == kStringIsAscii;
}
inline const char* ascii_characters_of(const PyObject* string) {
  return reinterpret_cast<const char*>(string) + g_ascii_characters;
}
inline PySize string_length(const PyObject* string) { return field<PySize>(string, kStringLength); }

// Finds out whether strs are laid out so. After check_layout().
void check_ascii_text();

// Null when everything is as expected, else what is not.
const char* check_layout();

// Whether version_tag() answers as it should. After check_layout().
bool check_version_tags();

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// Attributes of code objects. All need the GIL, and may leave an error set: use under
// PendingException.
#pragma once

#include "runtime/python/python_api.h"
#include "runtime/python/text.h"

namespace vtn::runtime {

// Null: there is none of that name that is a tuple.
inline PyRef tuple_of(PyObject* code, const char* attribute) {
  PyRef tuple = PyRef::steal(g_python.PyObject_GetAttrString(code, attribute));
  const bool usable = tuple && type_of(tuple.get()) == g_python.PyTuple_Type;
  return PyRef::steal(usable ? tuple.release() : nullptr);
}

// Its instructions, as they were compiled.
inline PyRef instructions_of(PyObject* code) {
  return PyRef::steal(g_python.PyCode_GetCode == nullptr
                          ? g_python.PyObject_GetAttrString(code, "co_code")  // 3.10
                          : g_python.PyCode_GetCode(code));
}

inline long number_of(PyObject* code, const char* attribute) {
  const PyRef value = PyRef::steal(g_python.PyObject_GetAttrString(code, attribute));
  return value ? g_python.PyLong_AsLong(value.get()) : 0;
}

template <class Test>
bool any_name(PyObject* code, const char* attribute, Test&& test) {
  const PyRef names = tuple_of(code, attribute);
  for (PySize i = 0; names && i < g_python.PyTuple_Size(names.get()); ++i) {
    const Utf8 name(g_python.PyTuple_GetItem(names.get(), i));
    if (test(name.text())) {
      return true;
    }
  }
  return false;
}

// Among a tuple's, or null's; -1: it is not there.
inline PySize index_of_name(PyObject* names, tracer::Text name) {
  const PySize count = names == nullptr ? 0 : g_python.PyTuple_Size(names);
  for (PySize i = 0; i < count; ++i) {
    if (Utf8(g_python.PyTuple_GetItem(names, i)).equals(name)) {
      return i;
    }
  }
  return -1;
}

inline bool has_name(PyObject* code, const char* attribute, tracer::Text name) {
  return index_of_name(tuple_of(code, attribute).get(), name) >= 0;
}

// A variable of its frame.
inline bool has_variable(PyObject* code, tracer::Text name) {
  return has_name(code, "co_varnames", name) || has_name(code, "co_cellvars", name) ||
         has_name(code, "co_freevars", name);
}

// Code that CPython makes of a part of a statement: in it no comment can stand.
inline bool is_part_of_statement(PyObject* code, bool* is_module) {
  const PyRef name = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_name"));
  const Utf8 text(name.get());
  *is_module = text.equals("<module>");
  return !*is_module &&
         (text.text().bytes == 0 || text.text().data[0] == '<' || text.equals("__annotate__"));
}

inline constexpr long kIsFunction = 1;  // of co_flags: its variables lie in the frame

}  // namespace vtn::runtime

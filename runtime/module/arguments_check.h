// SPDX-License-Identifier: Apache-2.0
//
// Arguments of the native module's functions: what they have to be, and what is raised where they
// are not. All need the GIL.
#pragma once

#include "runtime/python/layout.h"
#include "runtime/python/python_api.h"

namespace vtn::runtime {

enum class Raise { kTypeError, kValueError, kRuntimeError };

// Sets the error; null, for a caller to return.
PyObject* raise(Raise kind, const char* message);

// None, a new reference.
PyObject* new_none();

// False: the error is set.
bool check_count(const char* function, PySize count, PySize least, PySize most);
bool check_str(PyObject* value, const char* message);
bool check_dict_or_none(PyObject* value, const char* message);

inline bool is_dict(PyObject* value) {
  return type_of(value) == g_python.PyDict_Type ||
         g_python.PyType_IsSubtype(type_of(value), g_python.PyDict_Type) != 0;
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
#include "runtime/module/arguments_check.h"

#include "runtime/python/text.h"

namespace vtn::runtime {

PyObject* raise(Raise kind, const char* message) {
  PyObject** const exception = kind == Raise::kTypeError    ? g_python.PyExc_TypeError
                               : kind == Raise::kValueError ? g_python.PyExc_ValueError
                                                            : g_python.PyExc_RuntimeError;
  if (const PyRef text = PyRef::steal(g_python.PyUnicode_FromString(message)); text) {
    g_python.PyErr_SetObject(*exception, text.get());
  }
  return nullptr;
}

PyObject* new_none() {
  g_python.Py_IncRef(g_python._Py_NoneStruct);
  return g_python._Py_NoneStruct;
}

bool check_count(const char* function, PySize count, PySize least, PySize most) {
  if (count >= least && count <= most) {
    return true;
  }
  char message[128];
  size_t bytes = 0;
  for (const char* at = function; *at != 0 && bytes < 64; ++at) {
    message[bytes++] = *at;
  }
  constexpr char kRest[] = "() takes another number of arguments";
  __builtin_memcpy(message + bytes, kRest, sizeof(kRest));
  (void)raise(Raise::kTypeError, message);
  return false;
}

bool check_str(PyObject* value, const char* message) {
  if (is_str(value)) {
    return true;
  }
  (void)raise(Raise::kTypeError, message);
  return false;
}

bool check_dict_or_none(PyObject* value, const char* message) {
  if (value == g_python._Py_NoneStruct || is_dict(value)) {
    return true;
  }
  (void)raise(Raise::kTypeError, message);
  return false;
}

}  // namespace vtn::runtime

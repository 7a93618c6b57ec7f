// SPDX-License-Identifier: Apache-2.0
#include "runtime/python/layout.h"

#include <string.h>

#include "runtime/python/versions.h"

namespace vtn::runtime {

PySize g_ascii_characters = 0;

const char* check_layout() {
  const PythonApi& py = g_python;
  const PyRef head = PyRef::steal(py.PyObject_GetAttrString(py.PyBaseObject_Type, "__basicsize__"));
  if (!head || py.PyLong_AsLong(head.get()) != kHeadBytes) {
    return "object header";
  }
  if (type_of(py.PyList_Type) != py.PyType_Type) {
    return "object type";
  }
  if (strcmp(type_name(py.PyList_Type), "list") != 0) {
    return "type name";
  }
  if (!is_metatype(py.PyType_Type) || is_metatype(py.PyList_Type) ||
      is_exception_type(py.PyList_Type)) {
    return "type flags";
  }
  PyObject* builtins = py.PyEval_GetBuiltins();
  PyObject* len = builtins == nullptr ? nullptr : py.PyDict_GetItemString(builtins, "len");
  if (len == nullptr || type_of(len) != py.PyCFunction_Type) {
    return nullptr;  // the program's own site code put another `len` there: nothing to compare
  }
  const PyRef module = PyRef::steal(py.PyObject_GetAttrString(len, "__module__"));
  if (strcmp(cfunction_def(len)->name, "len") != 0 ||
      cfunction_self(len) != py.PyCFunction_GetSelf(len) || cfunction_module(len) != module.get()) {
    return "builtin function";
  }
  const PyRef append = PyRef::steal(py.PyObject_GetAttrString(py.PyList_Type, "append"));
  if (!append || type_of(append.get()) != py.PyMethodDescr_Type ||
      descriptor_type(append.get()) != py.PyList_Type ||
      strcmp(descriptor_def(append.get())->name, "append") != 0) {
    return "method descriptor";
  }
  return nullptr;
}

void check_ascii_text() {
  g_ascii_characters = ascii_characters(g_python.minor);
  // One that is interned, one that is not, and one of each other width.
  constexpr struct {
    const char* utf8;
    bool is_ascii;
  } kTrials[] = {{"append", true},
                 {"viztracer-native: \x7f\x01 of no identifier", true},
                 {"", true},
                 {"caf\xc3\xa9", false},
                 {"\xe2\x82\xac", false},
                 {"\xf0\x9f\x90\x8d", false}};
  for (const auto& [utf8, is_ascii] : kTrials) {
    const auto bytes = static_cast<PySize>(strlen(utf8));
    const PyRef text = PyRef::steal(g_python.PyUnicode_Decode(utf8, bytes, "utf-8", "strict"));
    const PyRef interned = PyRef::steal(g_python.PyUnicode_InternFromString(utf8));
    const auto reads_well = [utf8 = utf8, is_ascii = is_ascii](PyObject* one) {
      return one != nullptr && is_ascii_text(one) == is_ascii &&
             string_length(one) == g_python.PyUnicode_GetLength(one) &&
             (!is_ascii || memcmp(ascii_characters_of(one), utf8, strlen(utf8) + 1) == 0);
    };
    if (!reads_well(text.get()) || !reads_well(interned.get())) {
      g_ascii_characters = 0;
      g_python.PyErr_Clear();
      return;
    }
  }
}

bool check_version_tags() {
  const PythonApi& py = g_python;
  // Looking something up gives a type its number, if it has none.
  const PyRef append = PyRef::steal(py.PyObject_GetAttrString(py.PyList_Type, "append"));
  const PyRef name = PyRef::steal(py.PyObject_GetAttrString(py.PyMethod_Type, "__name__"));
  const uint32_t list = version_tag(py.PyList_Type);
  const uint32_t method = version_tag(py.PyMethod_Type);
  const uint32_t object = version_tag(py.PyBaseObject_Type);
  return append && name && list != 0 && list != method && list != object;
}

}  // namespace vtn::runtime

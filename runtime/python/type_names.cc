// SPDX-License-Identifier: Apache-2.0
#include "runtime/python/type_names.h"

#include "runtime/python/layout.h"

namespace vtn::runtime {

namespace {

// Of `type`; null: not to be had.
const PyGetSetDef* g_module_of_type;
const PyGetSetDef* g_qualname_of_type;

const PyGetSetDef* find_getter(const char* name) {
  const PyRef attributes =
      PyRef::steal(g_python.PyObject_GetAttrString(g_python.PyType_Type, "__dict__"));
  const PyRef descriptor = PyRef::steal(
      attributes ? g_python.PyObject_CallMethod(attributes.get(), "get", "s", name) : nullptr);
  g_python.PyErr_Clear();
  return descriptor && type_of(descriptor.get()) == g_python.PyGetSetDescr_Type
             ? descriptor_attribute(descriptor.get())
             : nullptr;
}

PyRef text_of_type(const PyGetSetDef* getter, const void* type) {
  PyRef text =
      PyRef::steal(getter == nullptr ? nullptr
                                     : getter->get(static_cast<PyObject*>(const_cast<void*>(type)),
                                                   getter->closure));
  const bool is_text = text && type_of(text.get()) == g_python.PyUnicode_Type;
  return PyRef::steal(is_text ? text.release() : nullptr);
}

}  // namespace

void start_type_names() {
  g_module_of_type = find_getter("__module__");
  g_qualname_of_type = find_getter("__qualname__");
}

PyRef module_of(const void* type) { return text_of_type(g_module_of_type, type); }

PyRef qualname_of(const void* type) { return text_of_type(g_qualname_of_type, type); }

}  // namespace vtn::runtime

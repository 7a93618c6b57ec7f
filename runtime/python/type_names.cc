// SPDX-License-Identifier: Apache-2.0
#include "runtime/python/type_names.h"

#include "runtime/python/layout.h"

namespace vtn::runtime {

namespace {

const PyGetSetDef* g_module_of_type;  // type.__module__; null: not to be had

const PyGetSetDef* find_module_of_type() {
  const PyRef attributes =
      PyRef::steal(g_python.PyObject_GetAttrString(g_python.PyType_Type, "__dict__"));
  const PyRef descriptor = PyRef::steal(
      attributes ? g_python.PyObject_CallMethod(attributes.get(), "get", "s", "__module__")
                 : nullptr);
  g_python.PyErr_Clear();
  return descriptor && type_of(descriptor.get()) == g_python.PyGetSetDescr_Type
             ? descriptor_attribute(descriptor.get())
             : nullptr;
}

}  // namespace

void start_type_names() { g_module_of_type = find_module_of_type(); }

PyRef module_of(const void* type) {
  PyRef module =
      PyRef::steal(g_module_of_type == nullptr
                       ? nullptr
                       : g_module_of_type->get(static_cast<PyObject*>(const_cast<void*>(type)),
                                               g_module_of_type->closure));
  const bool is_text = module && type_of(module.get()) == g_python.PyUnicode_Type;
  return PyRef::steal(is_text ? module.release() : nullptr);
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
#include "runtime/values/objects.h"

#include <initializer_list>

#include "runtime/python/text.h"
#include "runtime/python/text_builder.h"
#include "runtime/python/type_names.h"
#include "runtime/values/own_code.h"
#include "runtime/values/values.h"

namespace vtn::runtime {

namespace {

struct {
  bool own_repr;
  bool fields;
  bool knows_descriptors;  // where a type says that it is one
} g_objects;

// A class's name with its module's, as its repr has it.
struct TypeName : TextBuilder {
  explicit TypeName(PyObject* type) {
    const tracer::Text name = text_of(type_name(type));
    if (memchr(name.data, '.', name.bytes) == nullptr) {
      const PyRef holder = module_of(type);
      const Utf8 module(holder.get());
      if (!module.equals("builtins") && module.text().bytes != 0) {
        add(module.text()).add(".");
      }
    }
    add(name);
  }
};

PyRef plain_attribute(PyObject* value, PyObject* name) {
  PyObject* const of_type = g_python._PyType_Lookup(type_of(value), name);  // borrowed
  if (of_type != nullptr) {
    const PyObject* const kind = type_of(of_type);
    if (kind != g_python.PyMemberDescr_Type && kind != g_python.PyFunction_Type &&
        (!g_objects.knows_descriptors || is_descriptor(kind))) {
      return PyRef();
    }
  }
  PyRef found = PyRef::steal(
      g_python._PyObject_GenericGetAttrWithDict != nullptr
          ? g_python._PyObject_GenericGetAttrWithDict(value, name, nullptr, /*suppress=*/1)
          : g_python.PyObject_GenericGetAttr(value, name));
  g_python.PyErr_Clear();
  return found;
}

}  // namespace

PyRef plain_attribute(PyObject* value, const char* name) {
  const PyRef key = PyRef::steal(g_python.PyUnicode_InternFromString(name));
  return key ? plain_attribute(value, key.get()) : PyRef();
}

namespace {

// The fields that a dataclass declares, in their order: an exact dict by name, borrowed.
PyObject* dataclass_fields(PyObject* type) {
  const PyRef name = PyRef::steal(g_python.PyUnicode_InternFromString("__dataclass_fields__"));
  PyObject* fields = name ? g_python._PyType_Lookup(type, name.get()) : nullptr;
  return fields != nullptr && type_of(fields) == g_python.PyDict_Type ? fields : nullptr;
}

// The names that a class gives to its slots: an exact tuple, borrowed; null where it names none.
PyObject* slot_names(PyObject* type) {
  const PyRef name = PyRef::steal(g_python.PyUnicode_InternFromString("__slots__"));
  PyObject* names = name ? g_python._PyType_Lookup(type, name.get()) : nullptr;
  return names != nullptr && type_of(names) == g_python.PyTuple_Type &&
                 g_python.PyTuple_Size(names) != 0
             ? names
             : nullptr;
}

// Whether a slot of that name holds a field under it: not one of CPython's own, nor a private one,
// which has another name.
bool is_field(PyObject* name) {
  const Utf8 text(type_of(name) == g_python.PyUnicode_Type ? name : nullptr);
  return text.text().bytes != 0 &&
         !(text.text().bytes > 1 && text.text().data[0] == '_' && text.text().data[1] == '_');
}

// `next` gives one name after the other, borrowed; null: it is none that can be shown.
template <class Next>
bool put_fields(ValueWriter& to, PyObject* value, uint64_t count, int depth, const Next& next) {
  return to.tag(ValueTag::kFields) && to.text(text_of(type_name(type_of(value)))) &&
         put_counted(to, count, depth, [&](uint32_t i) {
           PyObject* const key = next(i);
           if (key == nullptr || type_of(key) != g_python.PyUnicode_Type) {
             return false;
           }
           const Utf8 name(key);
           if (!to.text(name.text())) {
             return false;
           }
           if (is_secret_name(name.text())) {
             return to.tag(ValueTag::kRedacted);
           }
           const PyRef field = plain_attribute(value, key);
           return field ? put_one(to, field.get(), depth + 1) : to.tag(ValueTag::kUnbound);
         });
}

// Whether a dataclass shows that field: no ClassVar or InitVar, nor one with repr=False.
bool is_shown(PyObject* field) {
  const PyRef repr = plain_attribute(field, "repr");
  const PyRef kind = plain_attribute(field, "_field_type");
  const PyRef name = kind ? plain_attribute(kind.get(), "name") : PyRef();
  return repr.get() == g_python._Py_TrueStruct && Utf8(name.get()).equals("_FIELD");
}

bool put_dataclass(ValueWriter& to, PyObject* value, PyObject* fields, int depth) {
  const auto next_after = [&](PySize* position) -> PyObject* {
    PyObject* key = nullptr;
    PyObject* field = nullptr;
    while (g_python.PyDict_Next(fields, position, &key, &field) != 0) {
      if (is_shown(field)) {
        return key;
      }
    }
    return nullptr;
  };
  uint64_t count = 0;
  for (PySize position = 0; next_after(&position) != nullptr;) {
    ++count;
  }
  PySize position = 0;
  return put_fields(to, value, count, depth, [&](uint32_t) { return next_after(&position); });
}

bool put_slots(ValueWriter& to, PyObject* value, PyObject* names, int depth) {
  const PySize all = g_python.PyTuple_Size(names);
  uint64_t count = 0;
  for (PySize i = 0; i < all; ++i) {
    count += is_field(g_python.PyTuple_GetItem(names, i)) ? 1 : 0;
  }
  PySize at = 0;
  return put_fields(to, value, count, depth, [&](uint32_t) -> PyObject* {
    while (at < all) {
      PyObject* const name = g_python.PyTuple_GetItem(names, at++);
      if (is_field(name)) {
        return name;
      }
    }
    return nullptr;
  });
}

bool put_enum_member(ValueWriter& to, PyObject* value, int depth) {
  if (depth >= kDeepestValue) {
    return false;
  }
  const PyRef name = plain_attribute(value, "_name_");
  const PyRef inner = plain_attribute(value, "_value_");
  if (!name || type_of(name.get()) != g_python.PyUnicode_Type || !inner) {
    return false;
  }
  TextBuilder shown;
  shown.add(text_of(type_name(type_of(value)))).add(text_of(".")).add(Utf8(name.get()).text());
  return to.tag(ValueTag::kEnum) && to.text(shown.text()) && put_one(to, inner.get(), depth + 1);
}

// "function f", "class m.C": what it is, and its name.
bool put_named(ValueWriter& to, const char* kind, tracer::Text name) {
  TextBuilder shown;
  shown.add(text_of(kind)).add(name);
  return to.tag(ValueTag::kObject) && to.cut_text(shown.text());
}

PyRef function_name(PyObject* function) {
  PyObject* const code = g_python.PyFunction_GetCode(function);  // borrowed
  return PyRef::steal(code == nullptr ? nullptr : g_python.PyObject_GetAttrString(code, "co_name"));
}

bool is_enum_type(PyObject* type) {
  const tracer::Text name = text_of(type_name(type_of(type)));
  const auto is = [&](const char* literal) {
    return name.bytes == strlen(literal) && memcmp(name.data, literal, name.bytes) == 0;
  };
  return (is("EnumType") || is("EnumMeta")) && Utf8(module_of(type_of(type)).get()).equals("enum");
}

// An attribute whose getter is C of a library's: shape and type of an array.
PyRef getset_attribute(PyObject* value, const char* name) {
  const PyRef key = PyRef::steal(g_python.PyUnicode_InternFromString(name));
  PyObject* const of_type = key ? g_python._PyType_Lookup(type_of(value), key.get()) : nullptr;
  if (of_type == nullptr || type_of(of_type) != g_python.PyGetSetDescr_Type) {
    return PyRef();
  }
  PyRef found = PyRef::steal(g_python.PyObject_GenericGetAttr(value, key.get()));
  g_python.PyErr_Clear();
  return found;
}

// By the arguments that it was made with, unless its class says something else of `args`.
bool put_exception(ValueWriter& to, PyObject* value, int depth) {
  const PyRef arguments = getset_attribute(value, "args");
  if (!arguments || type_of(arguments.get()) != g_python.PyTuple_Type) {
    return false;
  }
  const PySize count = g_python.PyTuple_Size(arguments.get());
  return to.tag(ValueTag::kException) && to.text(text_of(type_name(type_of(value)))) &&
         put_counted(to, static_cast<uint64_t>(count), depth, [&](uint32_t i) {
           return put_one(to, g_python.PyTuple_GetItem(arguments.get(), i), depth + 1);
         });
}

bool put_array(ValueWriter& to, PyObject* value, int depth) {
  const PyRef shape = getset_attribute(value, "shape");
  const PyRef dtype = getset_attribute(value, "dtype");
  const PyRef code = dtype ? getset_attribute(dtype.get(), "str") : PyRef();
  if (!shape || type_of(shape.get()) != g_python.PyTuple_Type || !to.tag(ValueTag::kFields) ||
      !to.text(TypeName(type_of(value)).text())) {
    return false;
  }
  const bool typed = code && type_of(code.get()) == g_python.PyUnicode_Type;
  const auto count = static_cast<uint16_t>(typed ? 2 : 1);
  return to.number(uint32_t{count}) && to.number(count) && to.text({"shape", 5}) &&
         put_one(to, shape.get(), depth + 1) &&
         (!typed || (to.text({"dtype", 5}) && put_one(to, code.get(), depth + 1)));
}

// An object of a class of the program's: what is in its __dict__.
bool put_instance(ValueWriter& to, PyObject* value, int depth) {
  const PyRef fields = getset_attribute(value, "__dict__");
  if (!fields || type_of(fields.get()) != g_python.PyDict_Type) {
    return false;
  }
  PySize position = 0;
  PyObject* item = nullptr;
  const auto count = static_cast<uint64_t>(g_python.PyDict_Size(fields.get()));
  return to.tag(ValueTag::kFields) && to.text(text_of(type_name(type_of(value)))) &&
         put_counted(to, count, depth, [&](uint32_t) {
           PyObject* key = nullptr;
           if (g_python.PyDict_Next(fields.get(), &position, &key, &item) == 0 ||
               type_of(key) != g_python.PyUnicode_Type) {
             return false;
           }
           const Utf8 name(key);
           return to.text(name.text()) &&
                  (is_secret_name(name.text()) ? to.tag(ValueTag::kRedacted)
                                               : put_one(to, item, depth + 1));
         });
}

PyRef repr_of(PyObject* value) {
  const Muted muted;
  return PyRef::steal(g_python.PyObject_Repr(value));
}

// False: it has none that works.
bool put_own_repr(ValueWriter& to, PyObject* value) {
  const PyRef repr = repr_of(value);
  if (!repr) {
    (void)take_own_exception();
    return false;
  }
  const PySize length = g_python.PyUnicode_GetLength(repr.get());
  return to.tag(ValueTag::kRepr) && to.number(static_cast<uint32_t>(length)) &&
         to.cut_text(Utf8(repr.get()).text());
}

}  // namespace

void start_objects(bool own_repr, bool fields) {
  g_objects = {
      own_repr,
      fields,
      is_descriptor(g_python.PyFunction_Type) && is_descriptor(g_python.PyMemberDescr_Type) &&
          is_descriptor(g_python.PyGetSetDescr_Type) && !is_descriptor(g_python.PyLong_Type) &&
          !is_descriptor(g_python.PyDict_Type) && !is_descriptor(g_python.PyType_Type)};
}

bool put_object(ValueWriter& to, PyObject* value, int depth) {
  const PythonApi& py = g_python;
  PyObject* const type = type_of(value);
  if (is_metatype(type)) {
    return put_named(to, "class ", TypeName(value).text());
  }
  if (type == py.PyFunction_Type) {
    return put_named(to, "function ", Utf8(function_name(value).get()).text());
  }
  if (type == py.PyCFunction_Type) {
    return put_named(to, "builtin ", text_of(cfunction_def(value)->name));
  }
  char* const before = to.mark();
  const TypeName name(type);
  bool put = false;
  if (g_objects.own_repr && !to.safely()) {
    put = put_own_repr(to, value);
  } else if (is_enum_type(type)) {
    put = put_enum_member(to, value, depth);
  } else if (is_exception_type(type)) {
    put = put_exception(to, value, depth);
  } else if (name.equals("numpy.ndarray")) {
    put = put_array(to, value, depth);
  } else if (PyObject* const fields = dataclass_fields(type); fields != nullptr) {
    put = put_dataclass(to, value, fields, depth);
  } else if (PyObject* const names = slot_names(type); names != nullptr) {
    put = put_slots(to, value, names, depth);
  } else if (g_objects.fields) {
    put = put_instance(to, value, depth);
  }
  if (put) {
    return true;
  }
  to.back_to(before);
  return to.tag(ValueTag::kObject) && to.cut_text(name.text());
}

}  // namespace vtn::runtime

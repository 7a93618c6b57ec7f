// SPDX-License-Identifier: Apache-2.0
#include "runtime/values/values.h"

#include <string.h>

#include "abi/value_abi.h"
#include "runtime/python/text.h"
#include "runtime/python/type_names.h"
#include "runtime/values/secrets.h"

namespace vtn::runtime {

namespace {

constexpr int kDeepest = 4;
constexpr uint32_t kMostElements = 16;
constexpr uint64_t kMostBits = 1024;  // of an int that is told digit by digit

struct {
  ValueSettings settings;
  bool knows_descriptors;  // where a type says that it is one
} g_values;

uint32_t smaller(uint64_t a, uint64_t b) { return static_cast<uint32_t>(a < b ? a : b); }

bool is_utf8_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

// What has been written so far. What does not fit is left out, whole; `full` says so.
class Writer {
 public:
  Writer(char* to, size_t room) : begin_(to), at_(to), end_(to + room) {}

  size_t bytes() const { return static_cast<size_t>(at_ - begin_); }
  size_t room() const { return static_cast<size_t>(end_ - at_); }
  char* mark() const { return at_; }
  void back_to(char* mark) { at_ = mark; }

  bool put(const void* bytes, size_t size) {
    if (room() < size) {
      return false;
    }
    memcpy(at_, bytes, size);
    at_ += size;
    return true;
  }
  bool tag(ValueTag tag) { return put(&tag, 1); }
  template <class T>
  bool number(T value) {
    return put(&value, sizeof(value));
  }
  bool text(tracer::Text text) {
    const auto length = static_cast<uint16_t>(text.bytes);
    return room() >= sizeof(length) + length && number(length) && put(text.data, length);
  }
  // As much of it as there is room for, up to a character's end.
  bool cut_text(tracer::Text text) {
    if (room() < sizeof(uint16_t)) {
      return false;
    }
    size_t kept = smaller(text.bytes, room() - sizeof(uint16_t));
    while (kept < text.bytes && kept != 0 && is_utf8_continuation(text.data[kept])) {
      --kept;
    }
    return this->text({text.data, kept});
  }

 private:
  char* begin_;
  char* at_;
  char* end_;
};

bool put_one(Writer& to, PyObject* value, int depth);

bool put_int(Writer& to, PyObject* value) {
  int overflow = 0;
  const int64_t number = g_python.PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow == 0) {
    return to.tag(ValueTag::kInt) && to.number(number);
  }
  const size_t bits = g_python._PyLong_NumBits(value);
  const PyRef hex = PyRef::steal(bits <= kMostBits ? g_python.PyNumber_ToBase(value, 16) : nullptr);
  if (!hex) {
    return to.tag(ValueTag::kHugeInt) && to.number(static_cast<uint64_t>(bits));
  }
  return to.tag(ValueTag::kBigInt) && to.text(Utf8(hex.get()).text());
}

bool put_str(Writer& to, PyObject* value) {
  const PySize length = g_python.PyUnicode_GetLength(value);
  if (!to.tag(ValueTag::kStr) || !to.number(static_cast<uint32_t>(length))) {
    return false;
  }
  char* const bytes_at = to.mark();
  uint16_t bytes = 0;
  if (!to.number(bytes)) {
    return false;
  }
  char character[kMostCharacterBytes];
  for (PySize i = 0; i < length; ++i) {
    const size_t more = put_utf8(g_python.PyUnicode_ReadChar(value, i), character);
    if (!to.put(character, more)) {
      break;
    }
    bytes = static_cast<uint16_t>(bytes + more);
  }
  memcpy(bytes_at, &bytes, sizeof(bytes));
  return true;
}

bool put_bytes(Writer& to, ValueTag tag, const char* data, PySize size) {
  if (!to.tag(tag) || !to.number(static_cast<uint32_t>(size)) || to.room() < sizeof(uint16_t)) {
    return false;
  }
  return to.text({data, smaller(static_cast<uint64_t>(size), to.room() - sizeof(uint16_t))});
}

// How many elements there are, and as many of them as there is room for. `next` gives one after the
// other and puts it; false: it did not fit.
template <class Next>
bool put_counted(Writer& to, uint64_t total, int depth, const Next& next) {
  if (!to.number(static_cast<uint32_t>(total))) {
    return false;
  }
  char* const kept_at = to.mark();
  uint16_t kept = 0;
  if (!to.number(kept)) {
    return false;
  }
  const uint32_t wanted = depth >= kDeepest ? 0 : smaller(total, kMostElements);
  while (kept < wanted) {
    char* const before = to.mark();
    if (!next(kept)) {
      to.back_to(before);
      break;
    }
    ++kept;
  }
  memcpy(kept_at, &kept, sizeof(kept));
  return true;
}

bool put_dict(Writer& to, PyObject* value, int depth) {
  PySize position = 0;
  return to.tag(ValueTag::kDict) &&
         put_counted(to, static_cast<uint64_t>(g_python.PyDict_Size(value)), depth, [&](uint32_t) {
           PyObject* key = nullptr;
           PyObject* item = nullptr;
           if (g_python.PyDict_Next(value, &position, &key, &item) == 0 ||
               !put_one(to, key, depth + 1)) {
             return false;
           }
           const bool secret =
               type_of(key) == g_python.PyUnicode_Type && is_secret_name(Utf8(key).text());
           return secret ? to.tag(ValueTag::kRedacted) : put_one(to, item, depth + 1);
         });
}

bool put_set(Writer& to, ValueTag tag, PyObject* value, int depth) {
  PySize position = 0;
  return to.tag(tag) &&
         put_counted(to, static_cast<uint64_t>(g_python.PySet_Size(value)), depth, [&](uint32_t) {
           PyObject* key = nullptr;
           PySize hash = 0;
           return g_python._PySet_NextEntry(value, &position, &key, &hash) != 0 &&
                  put_one(to, key, depth + 1);
         });
}

// Several texts as one, as long as a name may be.
struct JoinedText {
  char text[kMaxNameBytes];
  size_t bytes = 0;

  JoinedText& add(tracer::Text more) {
    const size_t added = smaller(more.bytes, sizeof(text) - bytes);
    memcpy(text + bytes, more.data, added);
    bytes += added;
    return *this;
  }
  tracer::Text get() const { return {text, bytes}; }
  bool is(const char* literal) const {
    return bytes == strlen(literal) && memcmp(text, literal, bytes) == 0;
  }
};

// A class's name with its module's, as its repr has it.
struct TypeName : JoinedText {
  explicit TypeName(PyObject* type) {
    const tracer::Text name = text_of(type_name(type));
    if (memchr(name.data, '.', name.bytes) == nullptr) {
      const PyRef holder = module_of(type);
      const Utf8 module(holder.get());
      if (!module.equals("builtins") && module.text().bytes != 0) {
        add(module.text()).add({".", 1});
      }
    }
    add(name);
  }
};

// An attribute that is no code of the program's to read: it lies in the object, or in a slot, and
// what the class has of that name is no descriptor.
PyRef plain_attribute(PyObject* value, PyObject* name) {
  PyObject* const of_type = g_python._PyType_Lookup(type_of(value), name);  // borrowed
  if (of_type != nullptr) {
    const PyObject* const kind = type_of(of_type);
    if (kind != g_python.PyMemberDescr_Type && kind != g_python.PyFunction_Type &&
        (!g_values.knows_descriptors || is_descriptor(kind))) {
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

PyRef plain_attribute(PyObject* value, const char* name) {
  const PyRef key = PyRef::steal(g_python.PyUnicode_InternFromString(name));
  return key ? plain_attribute(value, key.get()) : PyRef();
}

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
bool put_fields(Writer& to, PyObject* value, uint64_t count, int depth, const Next& next) {
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

bool put_dataclass(Writer& to, PyObject* value, PyObject* fields, int depth) {
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

bool put_slots(Writer& to, PyObject* value, PyObject* names, int depth) {
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

bool put_enum_member(Writer& to, PyObject* value, int depth) {
  if (depth >= kDeepest) {
    return false;
  }
  const PyRef name = plain_attribute(value, "_name_");
  const PyRef inner = plain_attribute(value, "_value_");
  if (!name || type_of(name.get()) != g_python.PyUnicode_Type || !inner) {
    return false;
  }
  JoinedText shown;
  shown.add(text_of(type_name(type_of(value)))).add(text_of(".")).add(Utf8(name.get()).text());
  return to.tag(ValueTag::kEnum) && to.text(shown.get()) && put_one(to, inner.get(), depth + 1);
}

// "function f", "class m.C": what it is, and its name.
bool put_named(Writer& to, const char* kind, tracer::Text name) {
  JoinedText shown;
  shown.add(text_of(kind)).add(name);
  return to.tag(ValueTag::kObject) && to.cut_text(shown.get());
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

bool put_array(Writer& to, PyObject* value, int depth) {
  const PyRef shape = getset_attribute(value, "shape");
  const PyRef dtype = getset_attribute(value, "dtype");
  const PyRef code = dtype ? getset_attribute(dtype.get(), "str") : PyRef();
  if (!shape || type_of(shape.get()) != g_python.PyTuple_Type || !to.tag(ValueTag::kFields) ||
      !to.text(TypeName(type_of(value)).get())) {
    return false;
  }
  const bool typed = code && type_of(code.get()) == g_python.PyUnicode_Type;
  const auto count = static_cast<uint16_t>(typed ? 2 : 1);
  return to.number(uint32_t{count}) && to.number(count) && to.text({"shape", 5}) &&
         put_one(to, shape.get(), depth + 1) &&
         (!typed || (to.text({"dtype", 5}) && put_one(to, code.get(), depth + 1)));
}

bool put_object(Writer& to, PyObject* value, int depth) {
  const PythonApi& py = g_python;
  PyObject* const type = type_of(value);
  if (is_metatype(type)) {
    return put_named(to, "class ", TypeName(value).get());
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
  if (is_enum_type(type)) {
    put = put_enum_member(to, value, depth);
  } else if (name.is("numpy.ndarray")) {
    put = put_array(to, value, depth);
  } else if (PyObject* const fields = dataclass_fields(type); fields != nullptr) {
    put = put_dataclass(to, value, fields, depth);
  } else if (PyObject* const names = slot_names(type); names != nullptr) {
    put = put_slots(to, value, names, depth);
  }
  if (put) {
    return true;
  }
  to.back_to(before);
  return to.tag(ValueTag::kObject) && to.cut_text(name.get());
}

// False: it did not fit; what was written of it is to be taken back.
bool put_one(Writer& to, PyObject* value, int depth) {
  if (value == nullptr) {
    return false;
  }
  // An allocation of ours may run the garbage collector, and that code of the program which takes
  // it out of where it lies.
  g_python.Py_IncRef(value);
  const PyRef held = PyRef::steal(value);
  const PythonApi& py = g_python;
  const PyObject* const type = type_of(value);
  if (g_values.settings.repr == Repr::kOff) {
    return to.tag(ValueTag::kObject) && to.cut_text(text_of(type_name(type)));
  }
  if (type == py.PyLong_Type) {
    return put_int(to, value);
  }
  if (type == py.PyUnicode_Type) {
    return put_str(to, value);
  }
  if (value == py._Py_NoneStruct) {
    return to.tag(ValueTag::kNone);
  }
  if (type == py.PyBool_Type) {
    return to.tag(value == py._Py_TrueStruct ? ValueTag::kTrue : ValueTag::kFalse);
  }
  if (type == py.PyFloat_Type) {
    return to.tag(ValueTag::kFloat) && to.number(py.PyFloat_AsDouble(value));
  }
  if (type == py.PyTuple_Type) {
    return to.tag(ValueTag::kTuple) &&
           put_counted(to, static_cast<uint64_t>(py.PyTuple_Size(value)), depth, [&](uint32_t i) {
             return put_one(to, g_python.PyTuple_GetItem(value, i), depth + 1);
           });
  }
  if (type == py.PyList_Type) {
    return to.tag(ValueTag::kList) &&
           put_counted(to, static_cast<uint64_t>(py.PyList_Size(value)), depth, [&](uint32_t i) {
             return put_one(to, g_python.PyList_GetItem(value, i), depth + 1);
           });
  }
  if (type == py.PyDict_Type) {
    return put_dict(to, value, depth);
  }
  if (type == py.PySet_Type) {
    return put_set(to, ValueTag::kSet, value, depth);
  }
  if (type == py.PyFrozenSet_Type) {
    return put_set(to, ValueTag::kFrozenSet, value, depth);
  }
  if (type == py.PyBytes_Type) {
    char* data = nullptr;
    PySize size = 0;
    (void)py.PyBytes_AsStringAndSize(value, &data, &size);
    return put_bytes(to, ValueTag::kBytes, data, size);
  }
  if (type == py.PyByteArray_Type) {
    return put_bytes(
        to, ValueTag::kByteArray, py.PyByteArray_AsString(value), py.PyByteArray_Size(value));
  }
  if (type == py.PyComplex_Type) {
    return to.tag(ValueTag::kComplex) && to.number(py.PyComplex_RealAsDouble(value)) &&
           to.number(py.PyComplex_ImagAsDouble(value));
  }
  if (value == py._Py_EllipsisObject) {
    return to.tag(ValueTag::kEllipsis);
  }
  if (value == py._Py_NotImplementedStruct) {
    return to.tag(ValueTag::kNotImplemented);
  }
  return put_object(to, value, depth);
}

size_t put_tag(ValueTag tag, char* to, size_t room) {
  Writer writer(to, room);
  (void)writer.tag(tag);
  return writer.bytes();
}

}  // namespace

void start_values(const ValueSettings& settings) {
  g_values = {
      settings,
      is_descriptor(g_python.PyFunction_Type) && is_descriptor(g_python.PyMemberDescr_Type) &&
          is_descriptor(g_python.PyGetSetDescr_Type) && !is_descriptor(g_python.PyLong_Type) &&
          !is_descriptor(g_python.PyDict_Type) && !is_descriptor(g_python.PyType_Type)};
}

bool is_secret_name(tracer::Text name) {
  return g_values.settings.redact && names_a_secret(name.data, name.bytes);
}

size_t put_value(PyObject* value, char* to, size_t room) {
  Writer writer(to, smaller(room, g_values.settings.most_bytes));
  if (!put_one(writer, value, 0)) {
    writer.back_to(to);
    (void)writer.tag(ValueTag::kMore);
  }
  g_python.PyErr_Clear();
  return writer.bytes();
}

size_t put_simple_value(PyObject* value, char* to, size_t room) {
  const PythonApi& py = g_python;
  const PyObject* const type = type_of(value);
  if (__builtin_expect(room < 1 + sizeof(double) || g_values.settings.repr == Repr::kOff, 0)) {
    return 0;
  }
  if (type == py.PyLong_Type) {
    int overflow = 0;
    const long long number = py.PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0) {
      return 0;
    }
    to[0] = static_cast<char>(ValueTag::kInt);
    __builtin_memcpy(to + 1, &number, sizeof(number));
    return 1 + sizeof(number);
  }
  if (type == py.PyFloat_Type) {
    const double number = py.PyFloat_AsDouble(value);
    to[0] = static_cast<char>(ValueTag::kFloat);
    __builtin_memcpy(to + 1, &number, sizeof(number));
    return 1 + sizeof(number);
  }
  if (value == py._Py_NoneStruct || value == py._Py_TrueStruct || value == py._Py_FalseStruct) {
    to[0] = static_cast<char>(value == py._Py_NoneStruct   ? ValueTag::kNone
                              : value == py._Py_TrueStruct ? ValueTag::kTrue
                                                           : ValueTag::kFalse);
    return 1;
  }
  return 0;
}

size_t put_text(tracer::Text text, char* to, size_t room) {
  Writer writer(to, smaller(room, g_values.settings.most_bytes));
  uint32_t characters = 0;
  for (size_t i = 0; i < text.bytes; ++i) {
    characters += is_utf8_continuation(text.data[i]) ? 0 : 1;
  }
  if (!writer.tag(ValueTag::kStr) || !writer.number(characters) || !writer.cut_text(text)) {
    writer.back_to(to);
    (void)writer.tag(ValueTag::kMore);
  }
  return writer.bytes();
}

size_t put_number(int64_t number, char* to, size_t room) {
  Writer writer(to, room);
  (void)(writer.tag(ValueTag::kInt) && writer.number(number));
  return writer.bytes();
}

size_t put_redacted(char* to, size_t room) { return put_tag(ValueTag::kRedacted, to, room); }

size_t put_unbound(char* to, size_t room) { return put_tag(ValueTag::kUnbound, to, room); }

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
#include "runtime/values/values.h"

#include "base/freestanding/pattern.h"
#include "runtime/filters/patterns.h"
#include "runtime/python/text.h"
#include "runtime/values/objects.h"
#include "runtime/values/secrets.h"
#include "runtime/values/value_writer.h"

namespace vtn::runtime {

namespace {

constexpr uint64_t kMostBits = 1024;  // of an int that is told digit by digit

struct {
  ValueSettings settings;
  bool has_secret_patterns;
} g_values;

bool put_int(ValueWriter& to, PyObject* value) {
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

bool put_str(ValueWriter& to, PyObject* value) {
  const PySize length = g_python.PyUnicode_GetLength(value);
  if (!to.tag(ValueTag::kStr) || !to.number(static_cast<uint32_t>(length))) {
    return false;
  }
  if (is_ascii_text(value)) {
    return to.cut_text({ascii_characters_of(value), static_cast<size_t>(length)});
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

bool put_bytes(ValueWriter& to, ValueTag tag, const char* data, PySize size) {
  if (!to.tag(tag) || !to.number(static_cast<uint32_t>(size)) || to.room() < sizeof(uint16_t)) {
    return false;
  }
  return to.text({data, smaller(static_cast<uint64_t>(size), to.room() - sizeof(uint16_t))});
}

bool put_dict(ValueWriter& to, PyObject* value, int depth) {
  PySize position = 0;
  return to.tag(ValueTag::kDict) &&
         put_counted(to, static_cast<uint64_t>(g_python.PyDict_Size(value)), depth, [&](uint32_t) {
           PyObject* key = nullptr;
           PyObject* item = nullptr;
           if (g_python.PyDict_Next(value, &position, &key, &item) == 0) {
             return false;
           }
           // Another thread may run meanwhile, or code of the program that takes them out.
           const PyRef held_key = PyRef::hold(key);
           const PyRef held_item = PyRef::hold(item);
           if (!put_one(to, key, depth + 1)) {
             return false;
           }
           const bool secret =
               type_of(key) == g_python.PyUnicode_Type && is_secret_name(Utf8(key).text());
           return secret ? to.tag(ValueTag::kRedacted) : put_one(to, item, depth + 1);
         });
}

bool put_set(ValueWriter& to, ValueTag tag, PyObject* value, int depth) {
  PySize position = 0;
  return to.tag(tag) &&
         put_counted(to, static_cast<uint64_t>(g_python.PySet_Size(value)), depth, [&](uint32_t) {
           PyObject* key = nullptr;
           PySize hash = 0;
           return g_python._PySet_NextEntry(value, &position, &key, &hash) != 0 &&
                  put_one(to, key, depth + 1);
         });
}

// --redact, of the settings.
bool meets_secret_pattern(tracer::Text name) {
  if (!g_values.has_secret_patterns || name.bytes >= kMaxNameBytes) {
    return false;
  }
  char text[kMaxNameBytes];
  memcpy(text, name.data, name.bytes);
  text[name.bytes] = 0;
  bool met = false;
  for_each_text_setting([&](uint32_t key, const char* pattern) {
    met = met || (key == VTN_SETTING_SECRET && vtn_pattern_matches(pattern, text, nullptr) != 0);
  });
  return met;
}

size_t put_tag(ValueTag tag, char* to, size_t room) {
  ValueWriter writer(to, room);
  (void)writer.tag(tag);
  return writer.bytes();
}

}  // namespace

bool put_one(ValueWriter& to, PyObject* value, int depth) {
  if (value == nullptr) {
    return false;
  }
  // An allocation of ours may run the garbage collector, and that code of the program which takes
  // it out of where it lies.
  const PyRef held = PyRef::hold(value);
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

void start_values(const ValueSettings& settings) {
  g_values = {settings, false};
  for_each_setting([](const vtn_setting& record) {
    g_values.has_secret_patterns |= record.key == VTN_SETTING_SECRET;
  });
  start_objects(settings.repr == Repr::kOwn, settings.object_fields);
}

bool is_number(PyObject* value) {
  const PyObject* const type = type_of(value);
  int overflow = 0;
  if (type == g_python.PyLong_Type) {
    (void)g_python.PyLong_AsLongLongAndOverflow(value, &overflow);
  }
  if (type == g_python.PyFloat_Type) {
    return __builtin_isfinite(g_python.PyFloat_AsDouble(value));
  }
  return overflow == 0 && (type == g_python.PyLong_Type || type == g_python.PyBool_Type);
}

bool is_secret_name(tracer::Text name) {
  return g_values.settings.redact &&
         (names_a_secret(name.data, name.bytes) || meets_secret_pattern(name));
}

size_t put_value(PyObject* value, char* to, size_t room, bool safely) {
  ValueWriter writer(to, smaller(room, g_values.settings.most_bytes), safely);
  if (!put_one(writer, value, 0)) {
    writer.back_to(to);
    (void)writer.tag(ValueTag::kMore);
  }
  g_python.PyErr_Clear();
  return writer.bytes();
}

size_t put_values(PyObject* const* values, PySize count, char* to, size_t room, bool safely) {
  ValueWriter writer(to, smaller(room, g_values.settings.most_bytes), safely);
  if (!writer.tag(ValueTag::kTuple) ||
      !put_counted(writer, static_cast<uint64_t>(count), 0, [&](uint32_t i) {
        return put_one(writer, values[i], 1);
      })) {
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
  ValueWriter writer(to, smaller(room, g_values.settings.most_bytes));
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
  ValueWriter writer(to, room);
  (void)(writer.tag(ValueTag::kInt) && writer.number(number));
  return writer.bytes();
}

size_t put_redacted(char* to, size_t room) { return put_tag(ValueTag::kRedacted, to, room); }

size_t put_unbound(char* to, size_t room) { return put_tag(ValueTag::kUnbound, to, room); }

}  // namespace vtn::runtime

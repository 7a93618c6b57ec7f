// SPDX-License-Identifier: Apache-2.0
//
// Text of the program's str objects as UTF-8. Lone surrogates are encoded as they are (the reader
// replaces them). Needs the GIL; never caches anything in the program's objects, and asks CPython
// for no memory, which a program may count or let run out. May leave an error set: use under
// PendingException.
#pragma once

#include "runtime/python/layout.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

inline constexpr size_t kMostCharacterBytes = 4;

// One character as UTF-8; returns its bytes.
inline size_t put_utf8(uint32_t character, char* to) {
  const size_t more = character < 0x80 ? 0 : character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
  constexpr uint32_t kFirstByte[] = {0, 0xc0, 0xe0, 0xf0};
  to[0] = static_cast<char>(kFirstByte[more] | (character >> (6 * more)));
  for (size_t i = 1; i <= more; ++i) {
    to[i] = static_cast<char>(0x80 | ((character >> (6 * (more - i))) & 0x3f));
  }
  return more + 1;
}

inline bool is_str(PyObject* object) {
  return type_of(object) == g_python.PyUnicode_Type ||
         g_python.PyType_IsSubtype(type_of(object), g_python.PyUnicode_Type) != 0;
}

// As much of it as is recorded of any text.
class Utf8 {
 public:
  // `string` is borrowed and may be null or no str: the text is empty then.
  explicit Utf8(PyObject* string) {
    if (string == nullptr || !is_str(string)) {
      return;
    }
    if (is_ascii_text(string)) {
      const auto length = static_cast<size_t>(string_length(string));
      bytes_ = length < sizeof(data_) ? length : sizeof(data_);
      __builtin_memcpy(data_, ascii_characters_of(string), bytes_);
      return;
    }
    const PySize length = g_python.PyUnicode_GetLength(string);
    for (PySize i = 0; i < length && append(g_python.PyUnicode_ReadChar(string, i)); ++i) {
    }
  }
  Utf8(const Utf8&) = delete;
  Utf8& operator=(const Utf8&) = delete;

  tracer::Text text() const { return {data_, bytes_}; }
  bool equals(tracer::Text other) const {
    return bytes_ == other.bytes && __builtin_memcmp(data_, other.data, bytes_) == 0;
  }
  bool equals(const char* literal) const {
    return equals(tracer::Text{literal, __builtin_strlen(literal)});
  }

 private:
  // False: there is no room for it.
  bool append(uint32_t character) {
    char one[kMostCharacterBytes];
    const size_t bytes = put_utf8(character, one);
    if (bytes_ + bytes > sizeof(data_)) {
      return false;
    }
    __builtin_memcpy(data_ + bytes_, one, bytes);
    bytes_ += bytes;
    return true;
  }

  char data_[kMaxNameBytes];
  size_t bytes_ = 0;
};

inline tracer::Text text_of(const char* text) { return {text, __builtin_strlen(text)}; }

// errno as the program had it: around slow paths that call into CPython.
class KeepErrno {
 public:
  KeepErrno();
  ~KeepErrno();
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;

 private:
  int saved_;
};

}  // namespace vtn::runtime

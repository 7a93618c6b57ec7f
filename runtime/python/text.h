// SPDX-License-Identifier: Apache-2.0
//
// Text of the program's str objects as UTF-8. Lone surrogates are encoded as they are (the reader
// replaces them). Needs the GIL; never caches anything in the program's objects. May leave an error
// set: use under PendingException.
#pragma once

#include "runtime/python/layout.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

class Utf8 {
 public:
  // `string` is borrowed and may be null or no str: the text is empty then.
  explicit Utf8(PyObject* string)
      : bytes_(PyRef::steal(
            string != nullptr && g_python.PyType_IsSubtype(type_of(string), g_python.PyUnicode_Type)
                ? g_python.PyUnicode_AsEncodedString(string, "utf-8", "surrogatepass")
                : nullptr)) {
    char* data = nullptr;
    PySize size = 0;
    if (bytes_ && g_python.PyBytes_AsStringAndSize(bytes_.get(), &data, &size) == 0) {
      text_ = {data, static_cast<size_t>(size)};
    }
  }
  tracer::Text text() const { return text_; }
  bool equals(const char* literal) const {
    return text_.bytes == __builtin_strlen(literal) &&
           __builtin_memcmp(text_.data, literal, text_.bytes) == 0;
  }

 private:
  PyRef bytes_;
  tracer::Text text_;
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

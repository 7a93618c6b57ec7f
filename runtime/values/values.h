// SPDX-License-Identifier: Apache-2.0
//
// Values of the program's, told of without running any of its code (abi/value_abi.h): exact builtin
// types by what CPython's API says of them, enum members, dataclasses and objects with slots by
// their fields, arrays and tensors by their shape and type, of all else the type's name. Whatever
// is called here is CPython's own, or a getter in C of a library that is known; with Repr::kOwn
// what is no plain builtin is asked for its repr, while nothing of the thread is recorded.
//
// Within limits: so many bytes for a value, so deep, so many of a container.
//
// Needs the GIL; may leave an error set: use under PendingException and KeepErrno.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "runtime/python/python_api.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

inline constexpr size_t kLeastValueBytes = 9;  // room for a number

enum class Repr { kSafe, kOwn, kOff };

struct ValueSettings {
  Repr repr = Repr::kSafe;     // kOwn: by the program's own __repr__, where a class has one
  bool object_fields = false;  // of objects of any class what is in their __dict__
  uint32_t most_bytes = 256;   // of one value
  bool redact = true;          // what the names say that is secret is not told
};
void start_values(const ValueSettings& settings);

// Whether a thing of that name is a secret: one of its words is `password`, `token`, ...
bool is_secret_name(tracer::Text name);

// What a counter can show.
bool is_number(PyObject* value);

// Appends one value at `to`, which has room for `room` bytes; returns how many it took. At least
// one byte is taken if there is one.
// `safely`: without code of the program, even with Repr::kOwn: where that would be recorded.
size_t put_value(PyObject* value, char* to, size_t room, bool safely = false);
// The same of plain numbers, bools and None, by which no error can be set; 0: it is none of
// these.
size_t put_simple_value(PyObject* value, char* to, size_t room);
// Several as a tuple.
size_t put_values(PyObject* const* values, PySize count, char* to, size_t room, bool safely);
size_t put_text(tracer::Text text, char* to, size_t room);  // as a str; UTF-8
size_t put_number(int64_t number, char* to, size_t room);
size_t put_redacted(char* to, size_t room);
size_t put_unbound(char* to, size_t room);

}  // namespace vtn::runtime

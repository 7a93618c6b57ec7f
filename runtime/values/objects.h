// SPDX-License-Identifier: Apache-2.0
//
// Values of classes that are no plain builtin: enum members, dataclasses and objects with slots by
// their fields, exceptions by their arguments, arrays by shape and type, functions and classes by
// name; of anything else the type. No code of the program runs, unless that is asked for: then all
// but classes and functions is told of by its repr. Needs the GIL; may leave an error set.
#pragma once

#include "runtime/values/value_writer.h"

namespace vtn::runtime {

// `fields`: of objects of other classes what is in their __dict__.
void start_objects(bool own_repr, bool fields);

// An attribute that is no code of the program's to read: it lies in the object, or in a slot, and
// what the class has of that name is no descriptor. Null: there is none.
PyRef plain_attribute(PyObject* value, const char* name);

bool put_object(ValueWriter& to, PyObject* value, int depth);

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// What the program logs itself: instants, counters, objects, and events of another tracer's making.
// Functions of the native module (METH_FASTCALL). They raise TypeError or ValueError for arguments
// of the wrong kind, whether anything is recorded or not; values of any kind are told of as those
// of calls are, without running code of the program (values/values.h).
#pragma once

#include "runtime/python/python_api.h"

namespace vtn::runtime {

// instant(name, values, scope: "t" | "p" | "g"): a dict's are its values; another, but None, is one
PyObject* log_instant(PyObject* module, PyObject* const* arguments, PySize count);

// mark(name, /, *, scope="t", **values): the same as programs call it (METH_KEYWORDS)
PyObject* tell_instant(PyObject* module, PyObject* const* arguments, PySize count, PyObject* names);

// sample(name, /, **values): a counter, likewise
PyObject* tell_counter(PyObject* module, PyObject* const* arguments, PySize count, PyObject* names);

// counter(name, values: dict of numbers): a series each
PyObject* log_counter(PyObject* module, PyObject* const* arguments, PySize count);

// variable(name, value): a number as a sample of the counter of that name, else an instant with it
PyObject* log_variable(PyObject* module, PyObject* const* arguments, PySize count);

// argument(key, value): the Python call that calls this has the value as an argument; where that
// call is not recorded it is an instant
PyObject* attach_argument(PyObject* module, PyObject* const* arguments, PySize count);

// object_event(ph: "N" | "O" | "D", id, name, values: dict | None)
PyObject* log_object(PyObject* module, PyObject* const* arguments, PySize count);

// raw(event): JSON text of one event of Chrome's trace format
PyObject* log_raw(PyObject* module, PyObject* const* arguments, PySize count);

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// What the program may ask of the session that it is recorded in. Functions of the native module.
#pragma once

#include "runtime/python/python_api.h"

namespace vtn::runtime {

// flush(): returns when all that this process has recorded is in the recording's file. Other
// threads run meanwhile. RuntimeError: the process that records does not answer.
PyObject* flush(PyObject* module, PyObject*);

// info(): {"launcher": path, "recording": path}; empty texts where there is no session any more.
PyObject* session_info(PyObject* module, PyObject*);

// settings(): what is recorded, by VizTracer's names of it: {"log_sparse": False, ...}
PyObject* session_settings_told(PyObject* module, PyObject*);

}  // namespace vtn::runtime

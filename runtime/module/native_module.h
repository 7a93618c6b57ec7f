// SPDX-License-Identifier: Apache-2.0
//
// The native part of the Python package: `viztracer_native._native`, whose functions are described
// in python/viztracer_native/_native.pyi. CPython makes it by way of the shim
// (_imp.create_dynamic), one for each interpreter that imports it. In a process that stays untraced
// its functions do nothing.
//
// Calls of its functions are never recorded: whoever logs something does not want to see how.
#pragma once

#include "runtime/python/python_api.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

// What CPython calls to make the module; the shim passes it on (vtn_runtime_args.module_init).
void* make_native_module();

// Whether a function's definition is one of ours. Any thread.
bool is_own_definition(const void* definition);

// Whether code is the package's, or a class or function that C code made is, by the file or module
// that it names.
bool is_own_file(tracer::Text file);
bool is_own_name(tracer::Text dotted);

}  // namespace vtn::runtime

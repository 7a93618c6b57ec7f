// SPDX-License-Identifier: Apache-2.0
//
// How a pattern meets a function's name. It names the function, or a module, package or class that
// the function is defined in: any part of `package.module.Class.method` that begins at its begin or
// at the qualified name's, and ends before a dot. What is defined in a function (`f.<locals>.g`) is
// not part of `f`.
#pragma once

#include <stddef.h>

#include "tracer/names_writer.h"

namespace vtn::runtime {

bool pattern_meets_name(const char* pattern, tracer::Text module, tracer::Text name);

// Of a C function, whose module is part of its name: the last part alone as well.
bool pattern_meets_c_name(const char* pattern, tracer::Text name);

// Whether it is one of files: it has a slash, or ends in .py.
bool is_path_pattern(const char* pattern);

// Whether it matches the path or a folder that this lies in. `path`: absolute, NUL at its end; is
// written to, and as before afterwards.
bool pattern_meets_path(const char* pattern, char* path);

}  // namespace vtn::runtime

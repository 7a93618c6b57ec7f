// SPDX-License-Identifier: Apache-2.0
//
// Which functions are recorded: --only, --hide, --mine and their like. A filter decides about a
// function, never about what that calls; once for each code object and each C function, when it is
// first met. What is below a call of --exclude_subtree is the collector's to leave out: here such a
// function is only marked.
//
//   module      `__name__` of the globals, at the code's first call
//   name        the qualified name (3.10: the bare one)
//   file        of the code; where that is no file's (`<string>`, code that was generated) of its
//               module
//
// Patterns are those of base/freestanding/pattern.h. One with a slash, or that ends in .py, is of a
// file or folder; any other of a module, class or function, and of whatever is defined in it. Files
// are compared as they are named and with all symlinks resolved.
//
// All need the GIL; may leave an error set: use under PendingException.
#pragma once

#include "runtime/python/python_api.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

// Before the backend is installed in the main interpreter: asks its `sys` where the standard
// library lies.
void start_filters();

// Whether any function may be hidden or marked; functions that are called too often (budget.h) and
// the package's own, too.
bool filters_on();
// The package is there. As its first frame begins, so that no call of its own is half recorded.
void hide_own_package();

// Whether all functions are hidden, so that what else is logged is of all of them.
bool nothing_is_recorded();

// kNothingIs: hidden as all others are, which goes without saying.
enum class Verdict { kRecorded, kHidden, kExcludesSubtree, kNothingIs };

// Python code; `globals` of the frame that runs it, borrowed, or null: they are not known.
Verdict judge_code(tracer::Text name, tracer::Text file, PyObject* globals);

// Whether any pattern of that kind (its key in the settings file) meets the function: for options
// that speak of functions without hiding any.
bool meets_patterns(uint32_t key, tracer::Text name, tracer::Text file, PyObject* globals);

// What is no Python code: "module.name", "type.method" or a bare name.
Verdict judge_callable(tracer::Text name);

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// Spans: stretches of time that the program names. The native module's type `Span`, a context
// manager.
//
//   in a function               a slice among the calls of the thread, from __enter__ to __exit__.
//                               One that is open when the process dies is drawn as open, as a call
//   in a coroutine, generator   it may be suspended, so the span is no part of the thread's stack:
//                               it is told of as it begins (NoteKind::kSpanBegin), and at its end
//                               as one that lay across (NoteKind::kSpan)
//
// A span that is left elsewhere than it was entered (another frame, another thread) is told of like
// the second. One object is one span at a time; it may be entered again afterwards.
#pragma once

#include "runtime/python/python_api.h"

namespace vtn::runtime {

// In each interpreter: Span(name, values: dict | None). Null: an error is set.
PyObject* make_span_type();

// span(name, /, **values) as programs call it, which makes objects of that type, or decorates a
// function. Null: an error is set.
PyObject* make_span_function(PyObject* type);

// event(name), likewise: its name says where the program asked for it, "load (program.py:12)".
PyObject* make_event_function(PyObject* type);

// Whether it is a method's definition of that type.
bool is_span_definition(const void* definition);

}  // namespace vtn::runtime

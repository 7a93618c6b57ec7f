// SPDX-License-Identifier: Apache-2.0
//
// Functions of libraries that are known by their names, since a call of one says something that the
// program tells of itself: where OpenTelemetry's Span.end() returns, a span has ended. They are
// rows of one table. Nothing is put into a library, and none of its code runs for it: what is told
// is read where it lies in the function's first argument (values/objects.h).
//
// A row is recognised by the code object, once, when that is first met, whether filters hide it or
// not. Its id is not remembered by address, so that its events come the general way, where handlers
// look here; any other code costs nothing.
//
//   the call begins   the row says whether its end is of interest, which is then kept in the
//                     thread by row and argument (thread_part.h)
//   it ends           if it was, the row tells
//
// All need the GIL and leave no error set.
#pragma once

#include <stdint.h>

#include "runtime/capture/thread_part.h"
#include "runtime/python/python_api.h"
#include "tracer/engine.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

// What a row is a row of.
enum class KnownKind : uint8_t {
  kLibrarySpan,
  kPytestTest,
  kPytestPhase,
  kUnittest,
  kUnittestPhase,
  kTestReport,
};

// What a row is told when one of its calls begins or ends.
struct KnownCall {
  tracer::ThreadState* thread;
  KnownKind kind;
  uint8_t detail;       // of its row
  PyObject* first;      // the function's first argument; borrowed
  PyObject* second;     // likewise; null: there is none, or nobody knows
  OpenKnownCall* open;  // what is kept of it; when it began
  PyObject* code;       // as it begins: its own; borrowed
  const void* frame;
};

// Another argument of a call that begins; null: there is none. May leave an error set.
PyRef argument_of(const KnownCall& call, unsigned index);

// The innermost call of that kind that is open in this thread; null: there is none.
OpenKnownCall* innermost_known(tracer::ThreadState* thread, KnownKind kind);

// Before anything else here, in each session.
void start_known_functions();

// The row of a code that was just met, from 1 on; 0: it is no known function.
uint8_t find_known_function(PyObject* code, tracer::Text name, tracer::Text file);

// Whether that row wants to know when its calls end.
bool tells_of_ends(uint8_t row);

// A call of that row begins (not: goes on), or ends by a return or an exception (not: is
// suspended). `frame`: its own (python/frames.h); null: it is the one that runs.
void known_call_begins(tracer::ThreadState* thread,
                       PyObject* code,
                       uint8_t row,
                       const void* frame = nullptr);
void known_call_ends(tracer::ThreadState* thread,
                     PyObject* code,
                     uint8_t row,
                     const void* frame = nullptr);
// The same where its frame is gone by then: `first` as argument_of_running() had it as it began.
void known_call_has_ended(tracer::ThreadState* thread, uint8_t row, PyObject* first);

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
#include "runtime/marks/prints.h"

#include "runtime/capture/control.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/method_step.h"
#include "runtime/entry/process.h"
#include "runtime/marks/marks.h"
#include "runtime/python/text.h"
#include "tracer/clock.h"

namespace vtn::runtime {

namespace {

constinit MethodStep g_print = {};

// print(*args, **kwargs), METH_FASTCALL | METH_KEYWORDS: the arguments, how many, names of the
// rest.
PyObject* step_print(PyObject* module, PyObject* arguments, PyObject* count, PyObject* names) {
  if (g_recording_clock != kPausedClock) {
    const KeepErrno keep_errno;
    const PendingException pending;
    const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
    tracer::ThreadState* const thread = tracer::current_thread();
    Mark mark(/*safely=*/true);
    mark.add_all(
        "", reinterpret_cast<PyObject* const*>(arguments), reinterpret_cast<PySize>(count));
    mark.record(thread,
                MarkKind::kInstant,
                mark_name(MarkKind::kInstant, text_of("print"), text_of("print")),
                ticks);
    g_python.PyErr_Clear();
  }
  return g_print.original(module, arguments, count, names);
}

}  // namespace

void start_prints() {
  if (!session_option(kOptionLogPrint)) {
    return;
  }
  const PendingException pending;
  PyObject* const builtins = g_python.PyEval_GetBuiltins();
  put_in_front(
      &g_print,
      definition_of(builtins == nullptr ? nullptr
                                        : g_python.PyDict_GetItemString(builtins, "print")),
      step_print);
  g_python.PyErr_Clear();
}

void stop_prints() { take_away(&g_print, step_print); }

}  // namespace vtn::runtime

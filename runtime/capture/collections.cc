// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/collections.h"

#include "runtime/capture/control.h"
#include "runtime/capture/functions.h"
#include "runtime/entry/process.h"
#include "runtime/python/text.h"
#include "runtime/values/values.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

namespace {

constexpr char kName[] = "viztracer_native";

PyObject* on_collection(PyObject*, PyObject* const* arguments, PySize count);

PyMethodDefinition g_definition = {
    kName, reinterpret_cast<void*>(on_collection), kFastCall, nullptr};

// `phase` "start" or "stop", and a dict of what it found. An exception of ours would be printed.
PyObject* on_collection(PyObject*, PyObject* const* arguments, PySize count) {
  const bool told = count == 2 && type_of(arguments[0]) == g_python.PyUnicode_Type;
  if (told && g_recording_clock != kPausedClock) {
    const KeepErrno keep_errno;
    const PendingException pending;
    const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
    tracer::ThreadState* thread = tracer::current_thread();
    const uint32_t id = named_id(FunctionKind::kC, text_of("garbage collection"));
    if (is_recorded(id)) {
      if (Utf8(arguments[0]).equals("start")) {
        tracer::record_enter(thread, id);
      } else {
        char value[kMaxNoteBytes];
        const size_t used = put_value(arguments[1], value, sizeof(value));
        tracer::record_note(thread, NoteKind::kReturnValue, 0, value, used);
        tracer::record_at(thread, ticks, EventKind::kLeave, id);
      }
    }
  }
  g_python.Py_IncRef(g_python._Py_NoneStruct);
  return g_python._Py_NoneStruct;
}

// gc.callbacks, an exact list, or null.
PyRef callbacks() {
  const PyRef module = PyRef::steal(g_python.PyImport_ImportModule("gc"));
  PyRef list =
      PyRef::steal(module ? g_python.PyObject_GetAttrString(module.get(), "callbacks") : nullptr);
  const bool usable = list && type_of(list.get()) == g_python.PyList_Type;
  return PyRef::steal(usable ? list.release() : nullptr);
}

bool is_ours(const PyObject* function) {
  return type_of(function) == g_python.PyCFunction_Type &&
         reinterpret_cast<const void*>(cfunction_def(function)) == &g_definition;
}

}  // namespace

void start_collections() {
  if (!session_option(kOptionLogGc)) {
    return;
  }
  const PyRef list = callbacks();
  const PyRef ours =
      PyRef::steal(list ? g_python.PyCFunction_NewEx(&g_definition, nullptr, nullptr) : nullptr);
  if (ours) {
    (void)g_python.PyList_Insert(list.get(), 0, ours.get());
  }
  g_python.PyErr_Clear();
}

void stop_collections() {
  if (!session_option(kOptionLogGc)) {
    return;
  }
  const PyRef list = callbacks();
  for (PySize i = list ? g_python.PyList_Size(list.get()) : 0; i-- > 0;) {
    if (is_ours(g_python.PyList_GetItem(list.get(), i))) {
      (void)g_python.PySequence_DelItem(list.get(), i);
    }
  }
  g_python.PyErr_Clear();
}

}  // namespace vtn::runtime

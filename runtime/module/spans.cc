// SPDX-License-Identifier: Apache-2.0
#include "runtime/module/spans.h"

#include <string.h>

#include "runtime/capture/control.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/open_stack.h"
#include "runtime/entry/interpreters.h"
#include "runtime/marks/marks.h"
#include "runtime/module/arguments_check.h"
#include "runtime/module/recording_thread.h"
#include "runtime/python/frames.h"
#include "runtime/python/text.h"
#include "runtime/values/values.h"
#include "tracer/clock.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

namespace {

constexpr int kDeepestOwnFrames = 64;

enum class SpanState : uint32_t { kIdle, kInStack, kAcross };

// Behind the object's head.
struct Span {
  PyObject* name;    // owned
  PyObject* values;  // owned; null: none
  const void* frame;
  const void* thread;
  uint64_t begin_ticks;
  uint64_t epoch;
  uint32_t id;
  SpanState state;
};

Span* span_of(PyObject* self) {
  return reinterpret_cast<Span*>(reinterpret_cast<char*>(self) + kHeadBytes);
}

// Where the span is used: the nearest frame that is recorded, so not one of ours.
struct Place {
  const void* frame = nullptr;
  bool may_be_suspended = true;
};

// A coroutine's code, or a generator's. Of what is hidden nothing else tells.
bool is_resumable(PyObject* code) {
  constexpr long kIsResumed = 0x20 | 0x80 | 0x200;  // CO_GENERATOR, COROUTINE, ASYNC_GENERATOR
  const PyRef flags = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_flags"));
  return flags && (g_python.PyLong_AsLong(flags.get()) & kIsResumed) != 0;
}

Place place_of(tracer::ThreadState* thread) {
  Place place;
  const PyThread* const state = current_thread_state();
  if (g_chain.previous == 0) {  // 3.10: every frame is an object
    PyFrame* frame = g_python.PyEval_GetFrame();
    g_python.Py_IncRef(reinterpret_cast<PyObject*>(frame));
    bool suspended = false;
    while (frame != nullptr) {
      const PyRef held = PyRef::steal(reinterpret_cast<PyObject*>(frame));
      const PyRef code = PyRef::steal(g_python.PyFrame_GetCode(frame));
      const CodeIds ids = code_ids(thread, code.get());
      suspended = suspended || ids.id != ids.resumed_id ||
                  (ids.id == kIdHidden && is_resumable(code.get()));
      if (ids.id != kIdHidden) {
        return {frame, suspended};
      }
      frame = g_python.PyFrame_GetBack(frame);
    }
    return place;
  }
  static bool frames_are_read = false;  // under the GIL; the answer is the same for all
  if (!frames_are_read) {
    frames_are_read = find_current_frame(state);
    if (!frames_are_read) {
      return place;
    }
  }
  const void* frame = current_frame(state);
  bool suspended = false;
  for (int depth = 0; frame != nullptr && depth < kDeepestOwnFrames; ++depth) {
    PyObject* const code = code_of_frame(frame);
    if (!runs_nothing(frame) && code != nullptr && type_of(code) == g_python.PyCode_Type) {
      const CodeIds ids = code_ids(thread, code);
      suspended =
          suspended || ids.id != ids.resumed_id || (ids.id == kIdHidden && is_resumable(code));
      if (ids.id != kIdHidden) {
        return {frame, suspended};
      }
    }
    frame = field<const void*>(frame, g_chain.previous);
  }
  return place;
}

PyObject* span_new(PyObject* type, PyObject* arguments, PyObject* keywords) {
  const PySize count = g_python.PyTuple_Size(arguments);
  if ((keywords != nullptr && g_python.PyDict_Size(keywords) != 0) ||
      !check_count("Span", count, 1, 2)) {
    return g_python.PyErr_Occurred() != nullptr
               ? nullptr
               : raise(Raise::kTypeError, "Span() takes no keyword arguments");
  }
  PyObject* const name = g_python.PyTuple_GetItem(arguments, 0);
  PyObject* const values =
      count > 1 ? g_python.PyTuple_GetItem(arguments, 1) : g_python._Py_NoneStruct;
  if (!check_str(name, "a span's name is a str") ||
      !check_dict_or_none(values, "a span's values are a dict, or None")) {
    return nullptr;
  }
  PyObject* const self = g_python.PyType_GenericAlloc(type, 0);
  if (self != nullptr) {
    Span* const span = span_of(self);
    g_python.Py_IncRef(name);
    span->name = name;
    if (values != g_python._Py_NoneStruct) {
      g_python.Py_IncRef(values);
      span->values = values;
    }
  }
  return self;
}

void span_dealloc(PyObject* self) {
  Span* const span = span_of(self);
  PyObject* const type = type_of(self);
  if (span->name != nullptr) {
    g_python.Py_DecRef(span->name);
  }
  if (span->values != nullptr) {
    g_python.Py_DecRef(span->values);
  }
  // Of a class that is derived with fields the collector knows its objects, and frees them.
  reinterpret_cast<void (*)(void*)>(g_python.PyType_GetSlot(type, kSlotFree))(self);
  g_python.Py_DecRef(type);
}

// The names of its values, a NUL behind each; `count`: of them.
class ValueNames {
 public:
  explicit ValueNames(PyObject* values) {
    PySize position = 0;
    PyObject* key = nullptr;
    PyObject* value = nullptr;
    while (values != nullptr && g_python.PyDict_Next(values, &position, &key, &value) != 0) {
      const Utf8 name(key);
      if (bytes_ + name.text().bytes + 1 > sizeof(text_)) {
        break;
      }
      memcpy(text_ + bytes_, name.text().data, name.text().bytes);
      bytes_ += name.text().bytes;
      text_[bytes_++] = 0;
      ++count_;
    }
  }
  tracer::Text text() const { return {text_, bytes_}; }
  uint32_t count() const { return count_; }

 private:
  char text_[kMaxNameBytes];
  size_t bytes_ = 0;
  uint32_t count_ = 0;
};

// Spans of one name and the same names of values are calls of one function, whose parameters these
// are: so they are told of, and shown, as calls with arguments.
uint32_t span_id(Span* span) {
  const Utf8 text(span->name);
  const ValueNames names(span->values);
  const auto hash = static_cast<uint32_t>(tracer::hash_text(names.text(), 1) >> 40);
  tracer::ensure_process();
  const uint32_t id = tracer::intern_function({FunctionKind::kSpan,
                                               text.text(),
                                               {},
                                               0,
                                               names.count() == 0 ? 0 : hash << kFunctionFlagBits});
  if (names.count() != 0 && id != kIdTooManyNames) {
    (void)tracer::publish_text(NameRecord::kParameters, id, names.text());
  }
  return id;
}

void note_values(tracer::ThreadState* thread, Span* span) {
  char bytes[kMaxNoteBytes];
  size_t used = 0;
  uint32_t count = 0;
  PySize position = 0;
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  const uint32_t wanted = ValueNames(span->values).count();
  while (count < wanted && g_python.PyDict_Next(span->values, &position, &key, &value) != 0) {
    const PyRef held = PyRef::hold(value);
    const size_t room = sizeof(bytes) - used;
    used += is_secret_name(Utf8(key).text()) ? put_redacted(bytes + used, room)
                                             : put_value(value, bytes + used, room);
    ++count;
  }
  tracer::record_note(thread, NoteKind::kArguments, count, bytes, used);
}

PyObject* span_enter(PyObject* self, PyObject*) {
  Span* const span = span_of(self);
  g_python.Py_IncRef(self);
  span->state = SpanState::kIdle;
  tracer::ThreadState* const thread = recording_thread();
  if (thread == nullptr) {
    return self;
  }
  const PendingException pending;
  const Place place = place_of(thread);
  if (span->id == kIdNone || span->epoch != tracer::g_engine.epoch) {
    span->id = span_id(span);
    span->epoch = tracer::g_engine.epoch;
  }
  open_stack_before_notes(thread, span->id);
  span->frame = place.frame;
  span->thread = thread;
  if (place.may_be_suspended) {
    span->state = SpanState::kAcross;
    span->begin_ticks = tracer::read_ticks(tracer::g_engine.clock);
  } else {
    span->state = SpanState::kInStack;
    if (span->values != nullptr) {
      note_values(thread, span);
    }
    span->begin_ticks = tracer::read_ticks(tracer::g_engine.clock);
    tracer::record_at(thread, span->begin_ticks, EventKind::kEnter, span->id);
  }
  g_python.PyErr_Clear();
  return self;
}

PyObject* span_exit(PyObject* self, PyObject* const* arguments, PySize count) {
  Span* const span = span_of(self);
  const SpanState state = span->state;
  span->state = SpanState::kIdle;
  if (state == SpanState::kIdle || span->epoch != tracer::g_engine.epoch) {
    return new_none();
  }
  tracer::ThreadState* const thread = recording_thread();
  if (thread == nullptr) {
    return new_none();
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  const bool raised = count > 0 && arguments[0] != g_python._Py_NoneStruct;
  const PendingException pending;
  if (state == SpanState::kInStack && span->thread == thread &&
      place_of(thread).frame == span->frame) {
    tracer::record_at(thread, ticks, raised ? EventKind::kUnwind : EventKind::kLeave, span->id);
  } else {
    Mark mark;
    mark.add_number("ticks", static_cast<int64_t>(ticks - span->begin_ticks));
    if (span->values != nullptr) {
      mark.add_pairs(span->values);
    }
    mark.record_as(thread, NoteKind::kSpan, span->id, span->begin_ticks);
  }
  g_python.PyErr_Clear();
  return new_none();
}

PyMethodDefinition g_span_methods[] = {
    {"__enter__", reinterpret_cast<void*>(span_enter), kNoArguments, nullptr},
    {"__exit__", reinterpret_cast<void*>(span_exit), kFastCall, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyObject* make_span_type() {
  static PyTypeSlot slots[] = {{kSlotDealloc, reinterpret_cast<void*>(span_dealloc)},
                               {kSlotMethods, g_span_methods},
                               {kSlotNew, reinterpret_cast<void*>(span_new)},
                               {0, nullptr}};
  static PyTypeSpec spec = {"viztracer_native._native.Span",
                            static_cast<int>(kHeadBytes + sizeof(Span)),
                            0,
                            kTypeIsBase,
                            slots};
  return g_python.PyType_FromSpec(&spec);
}

bool is_span_definition(const void* definition) {
  return definition >= static_cast<const void*>(g_span_methods) &&
         definition < static_cast<const void*>(g_span_methods +
                                               sizeof(g_span_methods) / sizeof(g_span_methods[0]));
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
#include "runtime/module/spans.h"

#include <string.h>

#include "runtime/capture/caller_lines.h"
#include "runtime/capture/control.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/open_stack.h"
#include "runtime/capture/recording_thread.h"
#include "runtime/marks/marks.h"
#include "runtime/module/arguments_check.h"
#include "runtime/module/callers.h"
#include "runtime/module/known_names.h"
#include "runtime/python/text.h"
#include "runtime/python/text_builder.h"
#include "runtime/values/values.h"
#include "tracer/clock.h"
#include "tracer/mute.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

namespace {

enum class SpanState : uint32_t { kIdle, kInStack, kAcross };

constexpr PySize kInlineValues = 4;

// Behind the object's head. All references are owned; null: none.
struct Span {
  PyObject* name;
  PyObject* values;  // a dict, else:
  PyObject* names;   // a tuple of str: of the first of these
  PyObject* inline_values[kInlineValues];
  const void* frame;
  const void* thread;
  uint64_t begin_ticks;
  uint64_t epoch;
  uint32_t id;
  SpanState state;
  bool says_place;
};

Span* span_of(PyObject* self) {
  return reinterpret_cast<Span*>(reinterpret_cast<char*>(self) + kHeadBytes);
}

// Where the span is entered: the nearest frame that is recorded, so not one of ours.
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
  bool suspended = false;
  each_caller([&](const void* frame, PyObject* code) {
    const CodeIds ids = code_ids(thread, code);
    suspended =
        suspended || ids.id != ids.resumed_id || (ids.id == kIdHidden && is_resumable(code));
    if (ids.id == kIdHidden) {
      return true;
    }
    place = {frame, suspended};
    return false;
  });
  return place;
}

bool is_in_place(tracer::ThreadState* thread, const void* frame) {
  bool found = false;
  each_caller([&](const void* caller, PyObject* code) {
    found = caller == frame;
    return !found && code_ids(thread, code).id == kIdHidden;
  });
  return found;
}

// Until `visit(key, value)` answers false.
template <class Visit>
void each_value(const Span* span, const Visit& visit) {
  PySize position = 0;
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  const PySize count = span->names == nullptr ? 0 : g_python.PyTuple_Size(span->names);
  for (PySize i = 0; i < count; ++i) {
    if (!visit(g_python.PyTuple_GetItem(span->names, i), span->inline_values[i])) {
      return;
    }
  }
  while (span->values != nullptr &&
         g_python.PyDict_Next(span->values, &position, &key, &value) != 0) {
    const PyRef held = PyRef::hold(value);
    if (!visit(key, value)) {
      return;
    }
  }
}

// A dict as a new reference; null: an error is set.
PyObject* dict_of(PyObject* names, PyObject* const* values) {
  PyRef dict = PyRef::steal(g_python.PyDict_New());
  const PySize count = names == nullptr ? 0 : g_python.PyTuple_Size(names);
  for (PySize i = 0; dict && i < count; ++i) {
    if (g_python.PyDict_SetItem(dict.get(), g_python.PyTuple_GetItem(names, i), values[i]) != 0) {
      return nullptr;
    }
  }
  return dict.release();
}

// A new reference; null: an error is set.
PyObject* new_span(PyObject* type, PyObject* name) {
  PyObject* const self = g_python.PyType_GenericAlloc(type, 0);
  if (self != nullptr) {
    g_python.Py_IncRef(name);
    span_of(self)->name = name;
  }
  return self;
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
  PyObject* const self = new_span(type, name);
  if (self != nullptr && values != g_python._Py_NoneStruct && g_python.PyDict_Size(values) != 0) {
    g_python.Py_IncRef(values);
    span_of(self)->values = values;
  }
  return self;
}

// The package's module of that name, which has what is said in Python.
PyObject* call_spans(const char* function, PyObject* name, PyObject* values, PyObject* target) {
  const PyRef module = PyRef::steal(g_python.PyImport_ImportModule("viztracer_native.spans"));
  if (!module) {
    return nullptr;
  }
  return g_python.PyObject_CallMethod(module.get(), function, "OOO", name, values, target);
}

// span(name, /, **values), and @span. `type` is Span.
PyObject* make_span(PyObject* type, PyObject* const* arguments, PySize count, PyObject* names) {
  if (!check_count("span", count, 1, 1)) {
    return nullptr;
  }
  PyObject* const name = arguments[0];
  if (!is_str(name)) {
    return call_spans("_named_by", g_python._Py_NoneStruct, g_python._Py_NoneStruct, name);
  }
  const PySize values = names == nullptr ? 0 : g_python.PyTuple_Size(names);
  const PyRef self = PyRef::steal(new_span(type, name));
  if (!self) {
    return nullptr;
  }
  Span* const span = span_of(self.get());
  if (values > kInlineValues) {
    span->values = dict_of(names, arguments + count);
    if (span->values == nullptr) {
      return nullptr;
    }
  } else if (values != 0) {
    g_python.Py_IncRef(names);
    span->names = names;
    for (PySize i = 0; i < values; ++i) {
      g_python.Py_IncRef(arguments[count + i]);
      span->inline_values[i] = arguments[count + i];
    }
  }
  g_python.Py_IncRef(self.get());
  return self.get();
}

// A name that says where the program asked for it.
void add_event_name(TextBuilder* to, PyObject* name, const CallerPlace& place) {
  to->add(NameText(name).text());
  if (place.code != nullptr) {
    const PyRef file = PyRef::steal(g_python.PyObject_GetAttrString(place.code, "co_filename"));
    to->add(" (");
    to->add(Utf8(file.get()).text());
    to->add(":");
    to->add_number(static_cast<uint32_t>(line_of_caller()));
    to->add(")");
  }
}

// A new reference; null: an error is set.
PyRef whole_name(const Span* span) {
  if (!span->says_place) {
    return PyRef::hold(span->name);
  }
  TextBuilder text;
  add_event_name(&text, span->name, place_of_caller());
  const tracer::Text whole = text.text();
  return PyRef::steal(
      g_python.PyUnicode_Decode(whole.data, static_cast<PySize>(whole.bytes), "utf-8", "replace"));
}

// As a decorator.
PyObject* span_call(PyObject* self, PyObject* arguments, PyObject* keywords) {
  const Span* const span = span_of(self);
  if ((keywords != nullptr && g_python.PyDict_Size(keywords) != 0) ||
      !check_count("a span", g_python.PyTuple_Size(arguments), 1, 1)) {
    return g_python.PyErr_Occurred() != nullptr
               ? nullptr
               : raise(Raise::kTypeError, "a span decorates one function");
  }
  const PyRef values = span->values != nullptr
                           ? PyRef::hold(span->values)
                           : PyRef::steal(dict_of(span->names, span->inline_values));
  const PyRef name = whole_name(span);
  return name && values
             ? call_spans(
                   "_decorated", name.get(), values.get(), g_python.PyTuple_GetItem(arguments, 0))
             : nullptr;
}

void span_dealloc(PyObject* self) {
  Span* const span = span_of(self);
  PyObject* const type = type_of(self);
  g_python.Py_DecRef(span->name);
  g_python.Py_DecRef(span->values);
  g_python.Py_DecRef(span->names);
  for (PyObject* const value : span->inline_values) {
    g_python.Py_DecRef(value);
  }
  // Of a class that is derived with fields the collector knows its objects, and frees them.
  reinterpret_cast<void (*)(void*)>(g_python.PyType_GetSlot(type, kSlotFree))(self);
  g_python.Py_DecRef(type);
}

// The names of its values, a NUL behind each; `count`: of them.
class ValueNames {
 public:
  explicit ValueNames(const Span* span) {
    each_value(span, [&](PyObject* key, PyObject*) {
      const Utf8 name(key);
      if (bytes_ + name.text().bytes + 1 > sizeof(text_)) {
        return false;
      }
      memcpy(text_ + bytes_, name.text().data, name.text().bytes);
      bytes_ += name.text().bytes;
      text_[bytes_++] = 0;
      ++count_;
      return true;
    });
  }
  tracer::Text text() const { return {text_, bytes_}; }
  uint32_t count() const { return count_; }
  // 0: there are none.
  uint32_t hash() const {
    return count_ == 0 ? 0 : static_cast<uint32_t>(tracer::hash_text(text(), 1) >> 40);
  }

 private:
  char text_[kMaxNameBytes];
  size_t bytes_ = 0;
  uint32_t count_ = 0;
};

// Spans of one name and the same names of values are calls of one function, whose parameters these
// are: so they are told of, and shown, as calls with arguments.
uint32_t new_span_id(const Span* span, const ValueNames& names) {
  const Utf8 text(span->name);
  tracer::ensure_process();
  const uint32_t id = tracer::intern_function(
      {FunctionKind::kSpan, text.text(), {}, 0, names.hash() << kFunctionFlagBits});
  if (names.count() != 0 && id != kIdTooManyNames) {
    (void)tracer::publish_text(NameRecord::kParameters, id, names.text());
  }
  return id;
}

uint32_t id_of_event(const tracer::ThreadState* thread, PyObject* name) {
  const CallerPlace place = place_of_caller();
  const auto ask = [&] {
    TextBuilder text;
    add_event_name(&text, name, place);
    tracer::ensure_process();
    return tracer::intern_function({FunctionKind::kSpan, text.text(), {}, 0, 0});
  };
  // Only of code whose death will be told may anything be remembered by address.
  return place.code == nullptr || !is_remembered(thread, place.code)
             ? ask()
             : ask_of_name(name, nullptr, name_use(NameUse::kEvent, place.at), ask, code_deaths());
}

uint32_t span_id(const tracer::ThreadState* thread, Span* span) {
  if (span->says_place) {
    return id_of_event(thread, span->name);
  }
  if (span->values == nullptr) {
    return ask_of_name(span->name, span->names, name_use(NameUse::kSpan), [&] {
      return new_span_id(span, ValueNames(span));
    });
  }
  const ValueNames names(span);
  return ask_of_name(span->name, nullptr, name_use(NameUse::kSpan, names.hash()), [&] {
    return new_span_id(span, names);
  });
}

PyObject* make_event(PyObject* type, PyObject* name) {
  if (!check_str(name, "an event's name is a str")) {
    return nullptr;
  }
  PyObject* const self = new_span(type, name);
  if (self != nullptr) {
    Span* const span = span_of(self);
    span->says_place = true;
    if (const tracer::ThreadState* const thread = recording_thread(); thread != nullptr) {
      span->id = id_of_event(thread, name);
      span->epoch = tracer::g_engine.epoch;
      g_python.PyErr_Clear();
    }
  }
  return self;
}

void add_values(Mark* mark, const Span* span) {
  each_value(span, [&](PyObject* key, PyObject* value) {
    mark->add_named(Utf8(key).text(), value);
    return true;
  });
}

void note_values(tracer::ThreadState* thread, const Span* span) {
  char bytes[kMaxNoteBytes];
  size_t used = 0;
  uint32_t count = 0;
  size_t name_bytes = 0;
  each_value(span, [&](PyObject* key, PyObject* value) {
    const Utf8 name(key);
    name_bytes += name.text().bytes + 1;
    if (name_bytes > kMaxNameBytes) {
      return false;  // it has no name there (ValueNames)
    }
    const size_t room = sizeof(bytes) - used;
    if (is_str(key) ? is_secret_key(key) : is_secret_name(name.text())) {
      used += put_redacted(bytes + used, room);
    } else {
      const size_t simple = put_simple_value(value, bytes + used, room);
      used += simple != 0 ? simple : put_value(value, bytes + used, room);
    }
    ++count;
    return true;
  });
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
  const Place place = place_of(thread);
  if (span->id == kIdNone || span->epoch != tracer::g_engine.epoch) {
    span->id = span_id(thread, span);
    span->epoch = tracer::g_engine.epoch;
  }
  open_stack_before_notes(thread, span->id);
  span->frame = place.frame;
  span->thread = thread;
  if (place.may_be_suspended) {
    span->state = SpanState::kAcross;
    span->begin_ticks = tracer::read_ticks(tracer::g_engine.clock);
    Mark mark;
    add_values(&mark, span);
    mark.record_as(thread, NoteKind::kSpanBegin, span->id, span->begin_ticks);
  } else {
    span->state = SpanState::kInStack;
    if (span->values != nullptr || span->names != nullptr) {
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
  // What is in the record ends there, though the thread may be muted by now, or recording paused,
  // which has closed what is part of a stack.
  tracer::ThreadState* const thread = tracer::current_thread();
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  const bool raised = count > 0 && arguments[0] != g_python._Py_NoneStruct;
  const bool paused = g_recording_clock == kPausedClock;
  if (state == SpanState::kInStack && span->thread == thread &&
      (paused || is_in_place(thread, span->frame))) {
    if (!paused) {
      tracer::record_at(thread, ticks, raised ? EventKind::kUnwind : EventKind::kLeave, span->id);
    }
  } else {
    const tracer::MuteLifted lifted(thread);
    Mark mark;
    mark.add_span_length(span->begin_ticks, ticks);
    add_values(&mark, span);
    mark.record_as(thread, NoteKind::kSpan, span->id, span->begin_ticks);
  }
  g_python.PyErr_Clear();
  return new_none();
}

PyMethodDefinition g_span_methods[] = {
    {"__enter__", reinterpret_cast<void*>(span_enter), kNoArguments, nullptr},
    {"__exit__", reinterpret_cast<void*>(span_exit), kFastCall, nullptr},
    {nullptr, nullptr, 0, nullptr}};

constexpr char kSpanDoc[] =
    "span(name, /, **values)\n--\n\n"
    "A slice of that name, as a context or a decorator: span() of the package.";
PyMethodDefinition g_span_function = {
    "span", reinterpret_cast<void*>(make_span), kFastCall | kKeywords, kSpanDoc};
PyMethodDefinition g_event_function = {
    "event", reinterpret_cast<void*>(make_event), kOneArgument, nullptr};

}  // namespace

PyObject* make_span_function(PyObject* type) {
  return g_python.PyCFunction_NewEx(&g_span_function, type, nullptr);
}

PyObject* make_event_function(PyObject* type) {
  return g_python.PyCFunction_NewEx(&g_event_function, type, nullptr);
}

PyObject* make_span_type() {
  static PyTypeSlot slots[] = {{kSlotDealloc, reinterpret_cast<void*>(span_dealloc)},
                               {kSlotCall, reinterpret_cast<void*>(span_call)},
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
  return definition == &g_span_function || definition == &g_event_function ||
         (definition >= static_cast<const void*>(g_span_methods) &&
          definition < static_cast<const void*>(g_span_methods + sizeof(g_span_methods) /
                                                                     sizeof(g_span_methods[0])));
}

}  // namespace vtn::runtime

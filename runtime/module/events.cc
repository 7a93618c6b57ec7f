// SPDX-License-Identifier: Apache-2.0
#include "runtime/module/events.h"

#include <string.h>

#include "runtime/capture/functions.h"
#include "runtime/capture/open_stack.h"
#include "runtime/entry/interpreters.h"
#include "runtime/marks/marks.h"
#include "runtime/module/arguments_check.h"
#include "runtime/module/callers.h"
#include "runtime/module/recording_thread.h"
#include "runtime/python/text.h"
#include "runtime/values/values.h"
#include "tracer/clock.h"

namespace vtn::runtime {

namespace {

// Names that were used last, so that a mark does not read its name anew. An entry owns a reference:
// the object cannot be another's. Of the main interpreter, under its GIL, where no other records.
struct KnownName {
  PyObject* name;
  uint64_t epoch;  // of the process: ids are not its children's
  uint32_t id;
  uint32_t use;  // kind and flags
};
constexpr uint32_t kKnownNameBits = 8;
KnownName g_known_names[1u << kKnownNameBits];

struct Use {
  MarkKind kind;
  const char* category;
  uint32_t flags;

  uint32_t key() const { return (flags << 1) | (kind == MarkKind::kCounter ? 1u : 0u); }
};

uint32_t name_id(PyObject* name, const Use& use) {
  const auto slot =
      (reinterpret_cast<uintptr_t>(name) * 0x9e37'79b9'7f4a'7c15u) >> (64 - kKnownNameBits);
  KnownName& known = g_known_names[slot];
  const bool may_remember = !others_may_record();
  if (may_remember && known.name == name && known.use == use.key() &&
      known.epoch == tracer::g_engine.epoch) {
    return known.id;
  }
  const Utf8 text(name);
  const uint32_t id = mark_name(use.kind, text.text(), text_of(use.category), use.flags);
  if (may_remember && type_of(name) == g_python.PyUnicode_Type) {
    const PyRef before = PyRef::steal(known.name);
    g_python.Py_IncRef(name);
    known = {name, tracer::g_engine.epoch, id, use.key()};
  }
  return id;
}

PyObject* done() {
  g_python.PyErr_Clear();
  return new_none();
}

// "g", "p", "t": of all processes, of this one, of this thread.
bool flags_of_scope(PyObject* scope, uint32_t* flags) {
  const Utf8 text(scope);
  const char letter = text.text().bytes == 1 ? text.text().data[0] : '\0';
  *flags = letter == 'g'   ? uint32_t{kFunctionOfAll}
           : letter == 'p' ? uint32_t{kFunctionOfProcess}
                           : 0;
  return letter == 'g' || letter == 'p' || letter == 't';
}

}  // namespace

PyObject* log_instant(PyObject*, PyObject* const* arguments, PySize count) {
  if (!check_count("instant", count, 1, 3) ||
      !check_str(arguments[0], "an instant's name is a str")) {
    return nullptr;
  }
  PyObject* const values = count > 1 ? arguments[1] : g_python._Py_NoneStruct;
  if (!check_dict_or_none(values, "an instant's values are a dict, or None")) {
    return nullptr;
  }
  uint32_t flags = 0;
  if (count > 2 && (!check_str(arguments[2], "an instant's scope is a str") ||
                    !flags_of_scope(arguments[2], &flags))) {
    return g_python.PyErr_Occurred() != nullptr
               ? nullptr
               : raise(Raise::kValueError, "an instant's scope is \"g\", \"p\" or \"t\"");
  }
  tracer::ThreadState* const thread = recording_thread();
  if (thread == nullptr) {
    return new_none();
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  const uint32_t id = name_id(arguments[0], {MarkKind::kInstant, "instant", flags});
  Mark mark;
  if (is_dict(values)) {
    mark.add_pairs(values);
  }
  mark.record(thread, MarkKind::kInstant, id, ticks);
  return done();
}

PyObject* log_counter(PyObject*, PyObject* const* arguments, PySize count) {
  if (!check_count("counter", count, 2, 2) ||
      !check_str(arguments[0], "a counter's name is a str")) {
    return nullptr;
  }
  PyObject* const values = arguments[1];
  if (!is_dict(values)) {
    return raise(Raise::kTypeError, "a counter's values are a dict of numbers");
  }
  PySize position = 0;
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  while (g_python.PyDict_Next(values, &position, &key, &value) != 0) {
    if (!check_str(key, "the name of a counter's value is a str")) {
      return nullptr;
    }
    if (!is_number(value)) {
      return raise(Raise::kTypeError, "a counter's values are int or float");
    }
  }
  tracer::ThreadState* const thread = recording_thread();
  if (thread == nullptr) {
    return new_none();
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  position = 0;
  while (g_python.PyDict_Next(values, &position, &key, &value) != 0) {
    const Utf8 series(key);
    uint32_t id = kIdNone;
    if (series.equals("value")) {
      id = name_id(arguments[0], {MarkKind::kCounter, "counter", 0});
    } else {
      // A series of its own has a name of its own.
      char joined[kMaxNameBytes];
      const Utf8 name(arguments[0]);
      size_t bytes = name.text().bytes;
      memcpy(joined, name.text().data, bytes);
      if (bytes + 1 + series.text().bytes <= sizeof(joined)) {
        joined[bytes++] = '.';
        memcpy(joined + bytes, series.text().data, series.text().bytes);
        bytes += series.text().bytes;
      }
      id = mark_name(MarkKind::kCounter, {joined, bytes}, text_of("counter"));
    }
    Mark mark;
    mark.add("", value);
    mark.record(thread, MarkKind::kCounter, id, ticks);
  }
  return done();
}

PyObject* attach_argument(PyObject*, PyObject* const* arguments, PySize count) {
  if (!check_count("argument", count, 2, 2) ||
      !check_str(arguments[0], "an argument's key is a str")) {
    return nullptr;
  }
  tracer::ThreadState* const thread = recording_thread();
  if (thread == nullptr) {
    return new_none();
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  const uint32_t id = name_id(arguments[0], {MarkKind::kInstant, "instant", 0});
  uint32_t function = kIdHidden;
  each_caller([&](const void*, PyObject* code) {
    function = code_ids(thread, code).id;
    return function == kIdHidden && is_own_code(code);
  });
  Mark mark(Mark::For::kCall);
  mark.add_named(Utf8(arguments[0]).text(), arguments[1]);
  if (is_recorded(function)) {
    // What is open since a pause is begun again by the thread's next event, which this is none of.
    open_stack(thread, EventKind::kLeave, kIdNone);
    mark.record_for_call(thread, id, ticks, function);
  } else {
    mark.record(thread, MarkKind::kInstant, id, ticks);
  }
  return done();
}

PyObject* log_object(PyObject*, PyObject* const* arguments, PySize count) {
  if (!check_count("object_event", count, 3, 4) ||
      !check_str(arguments[0], "an object's event is a str") ||
      !check_str(arguments[1], "an object's id is a str") ||
      !check_str(arguments[2], "an object's name is a str") ||
      (count > 3 && !check_dict_or_none(arguments[3], "an object's values are a dict, or None"))) {
    return nullptr;
  }
  const Utf8 what(arguments[0]);
  if (!what.equals("N") && !what.equals("O") && !what.equals("D")) {
    return raise(Raise::kValueError, "an object's event is \"N\", \"O\" or \"D\"");
  }
  tracer::ThreadState* const thread = recording_thread();
  if (thread == nullptr) {
    return new_none();
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  const uint32_t id = name_id(arguments[2], {MarkKind::kInstant, "object", kFunctionOfObject});
  Mark mark;
  mark.add_text("event", what.text());
  mark.add_text("id", Utf8(arguments[1]).text());
  if (count > 3) {
    if (is_dict(arguments[3])) {
      mark.add_pairs(arguments[3]);
    }
  }
  mark.record(thread, MarkKind::kInstant, id, ticks);
  return done();
}

PyObject* log_raw(PyObject*, PyObject* const* arguments, PySize count) {
  if (!check_count("raw", count, 1, 1) || !check_str(arguments[0], "an event is a str of JSON")) {
    return nullptr;
  }
  tracer::ThreadState* const thread = recording_thread();
  if (thread == nullptr) {
    return new_none();
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  const uint64_t now_ns = tracer::monotonic_ns();
  const PyRef text = PyRef::steal(g_python.PyUnicode_AsUTF8String(arguments[0]));
  char* data = nullptr;
  PySize bytes = 0;
  if (!text || g_python.PyBytes_AsStringAndSize(text.get(), &data, &bytes) != 0) {
    return nullptr;
  }
  const uint32_t id =
      mark_name(MarkKind::kInstant, text_of("event"), text_of("raw"), kFunctionIsRaw);
  Mark mark;
  if (!mark.add_whole("", {data, static_cast<size_t>(bytes)})) {
    return raise(Raise::kValueError, "an event has at most 2,000 bytes of JSON");
  }
  mark.add_number("now_ns", static_cast<int64_t>(now_ns));  // its times are of this clock
  mark.record(thread, MarkKind::kInstant, id, ticks);
  return done();
}

}  // namespace vtn::runtime

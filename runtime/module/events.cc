// SPDX-License-Identifier: Apache-2.0
#include "runtime/module/events.h"

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

namespace vtn::runtime {

namespace {

uint32_t instant_id(PyObject* name, uint32_t flags) {
  return ask_of_name(name, nullptr, name_use(NameUse::kInstant, flags), [&] {
    return mark_name(MarkKind::kInstant, NameText(name).text(), text_of("instant"), flags);
  });
}

// A series has a name of its own; that of one called "value", or of none, is the counter's.
uint32_t series_id(PyObject* name, PyObject* key) {
  return ask_of_name(name, key, name_use(NameUse::kSeries), [&] {
    const NameText counter(name);
    TextBuilder text;
    text.add(counter.text());
    uint32_t line = 0;
    if (key != nullptr && !is_text(key, "value")) {
      const NameText series(key);
      if (counter.text().bytes + 1 + series.text().bytes <= kMaxNameBytes) {
        line = static_cast<uint32_t>(counter.text().bytes);
        text.add(".");
        text.add(series.text());
      }
    }
    tracer::ensure_process();
    return tracer::intern_function(
        {FunctionKind::kCounter, text.text(), text_of("counter"), line, 0});
  });
}

void record_series(
    tracer::ThreadState* thread, PyObject* name, PyObject* key, PyObject* value, uint64_t ticks) {
  const uint32_t id = series_id(name, key);
  Mark mark;
  mark.add("", value);
  mark.record(thread, MarkKind::kCounter, id, ticks);
}

void add_by_key(Mark& mark, PyObject* key, PyObject* value) {
  if (!is_str(key)) {
    mark.add(text_of("?"), value);
    return;
  }
  const NameText name(key);
  if (is_secret_key(key)) {
    mark.add_redacted(name.text());
  } else {
    mark.add(name.text().bytes != 0 ? name.text() : text_of("?"), value);
  }
}

PyObject* done() {
  g_python.PyErr_Clear();
  return new_none();
}

// "g", "p", "t": of all processes, of this one, of this thread. False: it is none of them, and the
// error is set.
bool flags_of_scope(PyObject* scope, uint32_t* flags) {
  if (!check_str(scope, "an instant's scope is a str")) {
    return false;
  }
  const NameText text(scope);
  const char letter = text.text().bytes == 1 ? text.text().data[0] : '\0';
  *flags = letter == 'g'   ? uint32_t{kFunctionOfAll}
           : letter == 'p' ? uint32_t{kFunctionOfProcess}
                           : 0;
  if (letter == 'g' || letter == 'p' || letter == 't') {
    return true;
  }
  (void)raise(Raise::kValueError, "an instant's scope is \"g\", \"p\" or \"t\"");
  return false;
}

PySize count_names(PyObject* names) { return names == nullptr ? 0 : g_python.PyTuple_Size(names); }

}  // namespace

PyObject* log_instant(PyObject*, PyObject* const* arguments, PySize count) {
  if (!check_count("instant", count, 1, 3) ||
      !check_str(arguments[0], "an instant's name is a str")) {
    return nullptr;
  }
  PyObject* const values = count > 1 ? arguments[1] : g_python._Py_NoneStruct;
  uint32_t flags = 0;
  if (count > 2 && !flags_of_scope(arguments[2], &flags)) {
    return nullptr;
  }
  tracer::ThreadState* const thread = recording_thread();
  if (thread == nullptr) {
    return new_none();
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  const uint32_t id = instant_id(arguments[0], flags);
  Mark mark;
  if (is_dict(values)) {
    each_pair(values, [&](PyObject* key, PyObject* value) { add_by_key(mark, key, value); });
  } else if (values != g_python._Py_NoneStruct) {
    mark.add("value", values);
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
    record_series(thread, arguments[0], key, value, ticks);
  }
  return done();
}

PyObject* log_variable(PyObject*, PyObject* const* arguments, PySize count) {
  if (!check_count("variable", count, 2, 2) ||
      !check_str(arguments[0], "a variable's name is a str")) {
    return nullptr;
  }
  tracer::ThreadState* const thread = recording_thread();
  if (thread == nullptr) {
    return new_none();
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  PyObject* const value = arguments[1];
  if (is_number(value)) {
    record_series(thread, arguments[0], nullptr, value, ticks);
  } else {
    const uint32_t id = instant_id(arguments[0], 0);
    Mark mark;
    mark.add("object", value);
    mark.record(thread, MarkKind::kInstant, id, ticks);
  }
  return done();
}

PyObject* tell_instant(PyObject*, PyObject* const* arguments, PySize count, PyObject* names) {
  if (!check_count("instant", count, 1, 1) ||
      !check_str(arguments[0], "an instant's name is a str")) {
    return nullptr;
  }
  const PySize values = count_names(names);
  PySize scope = values;
  uint32_t flags = 0;
  for (PySize i = 0; i < values; ++i) {
    if (is_text(g_python.PyTuple_GetItem(names, i), "scope")) {
      if (!flags_of_scope(arguments[count + i], &flags)) {
        return nullptr;
      }
      scope = i;
    }
  }
  tracer::ThreadState* const thread = recording_thread();
  if (thread == nullptr) {
    return new_none();
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  const uint32_t id = instant_id(arguments[0], flags);
  Mark mark;
  for (PySize i = 0; i < values; ++i) {
    if (i != scope) {
      add_by_key(mark, g_python.PyTuple_GetItem(names, i), arguments[count + i]);
    }
  }
  mark.record(thread, MarkKind::kInstant, id, ticks);
  return done();
}

PyObject* tell_counter(PyObject*, PyObject* const* arguments, PySize count, PyObject* names) {
  if (!check_count("counter", count, 1, 1) ||
      !check_str(arguments[0], "a counter's name is a str")) {
    return nullptr;
  }
  const PySize values = count_names(names);
  if (values == 0) {
    return raise(Raise::kTypeError, "a counter has a value: counter('queue', length=3)");
  }
  for (PySize i = 0; i < values; ++i) {
    if (!is_number(arguments[count + i])) {
      return raise(Raise::kTypeError, "a counter's values are int or float");
    }
  }
  tracer::ThreadState* const thread = recording_thread();
  if (thread == nullptr) {
    return new_none();
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  for (PySize i = 0; i < values; ++i) {
    record_series(
        thread, arguments[0], g_python.PyTuple_GetItem(names, i), arguments[count + i], ticks);
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
  const uint32_t id = instant_id(arguments[0], 0);
  uint32_t function = kIdHidden;
  each_caller([&](const void*, PyObject* code) {
    function = code_ids(thread, code).id;
    return function == kIdHidden && is_own_code(code);
  });
  Mark mark(Mark::For::kCall);
  add_by_key(mark, arguments[0], arguments[1]);
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
  const uint32_t id = ask_of_name(arguments[2], nullptr, name_use(NameUse::kObject), [&] {
    return mark_name(
        MarkKind::kInstant, NameText(arguments[2]).text(), text_of("object"), kFunctionOfObject);
  });
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

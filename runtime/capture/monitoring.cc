// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. The sys.monitoring backend: one callback object per event, of a type of our own whose
// vectorcall is the handler (10 ns a call cheaper than a builtin function). Handlers never fail and
// never leave an error set: an exception from a callback would appear in the program.
//
// One that is set already is the program's. CPython puts it aside before it sends an event; C code
// that sends events by itself may not (Cython resumes a generator with it). An answer with the
// exception still set becomes a SystemError, and null tells the sender that the event failed, for
// which Cython's generators are not ready (they use what they have not restored yet). So the answer
// is an object that holds the exception and sets it again when CPython drops it, at once. CALL and
// C_RETURN come with none: who sends them is about to call, or has a result. PY_THROW, PY_UNWIND
// and C_RAISE come with one, which CPython puts aside for C code as well: it is their argument.
#include "runtime/capture/monitoring.h"

#include "runtime/capture/backends.h"
#include "runtime/capture/caller_lines.h"
#include "runtime/capture/control.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/own_profilers.h"
#include "runtime/capture/thread_part.h"
#include "runtime/python/versions.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

namespace {

enum CallbackArgument { kCode = 0, kOffset = 1, kCallable = 2 };

PyObject* none() { return g_python._Py_NoneStruct; }  // immortal from 3.12 on

// Each handler is a straight line for the common case and leaves it by a tail call, so that nothing
// is saved on the stack: registers that survive a call cost 1 to 2 ns an event.

template <EventKind kind>
[[gnu::noinline, gnu::cold]] PyObject* record_rest(tracer::ThreadState* thread,
                                                   uint64_t ticks,
                                                   uint32_t id) {
  tracer::record_slow(thread, ticks, kind, id);
  return none();
}

template <EventKind kind>
inline PyObject* record(tracer::ThreadState* thread, uint64_t ticks, uint32_t id) {
  const uint64_t delta = ticks - thread->base_ticks;
  uint64_t* cursor = thread->cursor;
  if (__builtin_expect((delta > kEventDeltaMax) | (cursor == thread->end), 0)) {
    return record_rest<kind>(thread, ticks, id);
  }
  // Release: the collector reads a live chunk up to its first zero word.
  store_release(cursor, event_word(delta, kind, id));
  thread->cursor = cursor + 1;
  return none();
}

void set_held_exception(PyObject* holder) {
  g_python.PyErr_SetRaisedException(
      static_cast<PyObject*>(g_python.PyCapsule_GetPointer(holder, nullptr)));
}

[[gnu::noinline, gnu::cold]] PyObject* answer_with_exception() {
  PyObject* exception = g_python.PyErr_GetRaisedException();
  PyObject* holder = g_python.PyCapsule_New(exception, nullptr, set_held_exception);
  if (holder == nullptr) {
    g_python.PyErr_SetRaisedException(exception);  // in place of what the allocation raised
  }
  return holder;
}

// What to answer to an event that took the general way. A code that the thread remembers has a
// frame, and CPython sends its events.
PyObject* answer(const tracer::ThreadState* thread, const PyObject* code) {
  const bool has_frame = part_of(thread)->codes[code_cache_slot(code)].code == code;
  return has_frame || g_python.PyErr_Occurred() == nullptr ||
                 g_python.PyErr_GetRaisedException == nullptr ||
                 g_python.PyErr_SetRaisedException == nullptr
             ? none()
             : answer_with_exception();
}

// How a slice begins: by a call, or where a generator or coroutine goes on.
enum class Begins { kCalled, kResumed };

template <Begins begins>
uint32_t id_of(const CodeIds& ids) {
  return begins == Begins::kResumed ? ids.resumed_id : ids.id;
}

// Any clock, any thread, any code object.
template <EventKind kind, Begins begins>
[[gnu::noinline]] PyObject* code_event_general(PyObject* code) {
  if (g_recording_clock == kPausedClock) {
    tracer::ThreadState* thread = tracer::current_thread();
    note_pause(thread);
    return answer(thread, code);
  }
  uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  tracer::ThreadState* thread = tracer::current_thread();
  const uint32_t id = id_of<begins>(code_ids(thread, code));
  if (kind == EventKind::kEnter) {
    ticks = tracer::read_ticks(tracer::g_engine.clock);
  }
  tracer::record_at(thread, ticks, kind, id);
  return answer(thread, code);
}

template <EventKind kind, Begins begins = Begins::kCalled>
PyObject* on_code_event(PyObject*, PyObject* const* arguments, size_t, PyObject*) {
  PyObject* const code = arguments[kCode];
  if (kDoNothing) {
    return none();
  }
  if (__builtin_expect(g_recording_clock != ClockKind::kTsc, 0)) {
    return code_event_general<kind, begins>(code);
  }
  uint64_t ticks = 0;
  if (kind != EventKind::kEnter) {
    ticks = tracer::read_ticks(ClockKind::kTsc);
  }
  tracer::ThreadState* thread = tracer::thread_or_null();
  if (__builtin_expect(thread == nullptr, 0)) {
    return code_event_general<kind, begins>(code);
  }
  const CodeCacheEntry& entry = part_of(thread)->codes[code_cache_slot(code)];
  if (__builtin_expect(entry.code != code, 0)) {
    return code_event_general<kind, begins>(code);
  }
  if (kind == EventKind::kEnter) {
    ticks = tracer::read_ticks(ClockKind::kTsc);
  }
  return record<kind>(thread, ticks, id_of<begins>(entry.ids));
}

// With the line of the caller, where that is wanted.
template <Begins begins>
PyObject* on_enter_with_line(PyObject*, PyObject* const* arguments, size_t, PyObject*) {
  if (kDoNothing) {
    return none();
  }
  PyObject* const code = arguments[kCode];
  if (__builtin_expect(g_recording_clock == kPausedClock, 0)) {
    return code_event_general<EventKind::kEnter, begins>(code);
  }
  tracer::ThreadState* thread = tracer::current_thread();
  const uint32_t id = id_of<begins>(code_ids(thread, code));
  note_caller_line(thread, id, code, Callee::kRunning);
  tracer::record_enter(thread, id);
  return answer(thread, code);
}

// A bound method, of anything but a Python function, that is called as f(*args): CALL tells of it,
// no end does.
bool end_is_unseen(PyObject* const* arguments) {
  PyObject* const code = arguments[kCode];
  if (type_of(arguments[kCallable]) != g_python.PyMethod_Type) {
    return false;
  }
  if (ends_of_methods_are_unseen(g_python.minor)) {
    return true;
  }
  if (type_of(code) != g_python.PyCode_Type || g_python.PyCode_GetCode == nullptr) {
    return false;
  }
  const PendingException pending;
  const PyRef instructions = PyRef::steal(g_python.PyCode_GetCode(code));  // as if not monitored
  const long offset = g_python.PyLong_AsLong(arguments[kOffset]);
  char* bytes = nullptr;
  PySize size = 0;
  if (!instructions || g_python.PyBytes_AsStringAndSize(instructions.get(), &bytes, &size) != 0 ||
      offset < 0 || offset >= size) {
    g_python.PyErr_Clear();
    return false;
  }
  return static_cast<unsigned char>(bytes[offset]) == call_function_ex(g_python.minor);
}

template <EventKind kind>
PyObject* pass_setprofile(tracer::ThreadState* thread, PyObject* callable) {
  if (__builtin_expect(is_setprofile(callable), 0)) {
    if (kind == EventKind::kEnter) {
      setprofile_begins(thread);
    } else if (!setprofile_ends(thread)) {
      return nullptr;  // what sys.setprofile itself raised
    }
  }
  return none();
}

template <EventKind kind>
[[gnu::noinline]] PyObject* c_event_general(PyObject* const* arguments) {
  PyObject* const callable = arguments[kCallable];
  if (g_recording_clock == kPausedClock) {
    note_pause(tracer::current_thread());
    return pass_setprofile<kind>(tracer::current_thread(), callable);
  }
  uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  tracer::ThreadState* thread = tracer::current_thread();
  const uint32_t id = callable_id(thread, callable);
  if (id != kIdNone) {
    if (kind == EventKind::kEnter) {
      ticks = tracer::read_ticks(tracer::g_engine.clock);
    }
    tracer::record_at(thread, ticks, kind, id);
    if (kind == EventKind::kEnter && __builtin_expect(end_is_unseen(arguments), 0)) {
      tracer::record_at(thread, tracer::read_ticks(tracer::g_engine.clock), EventKind::kLeave, id);
    }
  }
  return pass_setprofile<kind>(thread, callable);
}

// Nearly always one of a Python function.
template <EventKind kind>
[[gnu::noinline]] PyObject* method_event(PyObject* const* arguments) {
  PyObject* const function = g_python.PyMethod_Function(arguments[kCallable]);
  return type_of(function) == g_python.PyFunction_Type ? none() : c_event_general<kind>(arguments);
}

// CALL, C_RETURN and C_RAISE. Python functions are left to their own events: CALL comes for them
// too, and with an evaluation function set even the ends do.
template <EventKind kind>
PyObject* on_c_event(PyObject*, PyObject* const* arguments, size_t, PyObject*) {
  PyObject* const callable = arguments[kCallable];
  const PyObject* const type = type_of(callable);
  if (kDoNothing || type == g_python.PyFunction_Type) {
    return none();
  }
  if (__builtin_expect(g_recording_clock != ClockKind::kTsc, 0)) {
    return c_event_general<kind>(arguments);
  }
  uint64_t ticks = 0;
  if (kind != EventKind::kEnter) {
    ticks = tracer::read_ticks(ClockKind::kTsc);
  }
  CallableKey key;
  tracer::ThreadState* thread = tracer::thread_or_null();
  if (!callable_key(callable, type, &key)) {
    return method_event<kind>(arguments);
  }
  if (__builtin_expect(thread == nullptr, 0)) {
    return c_event_general<kind>(arguments);
  }
  const CallableCacheEntry* entry = known_callable(thread, key);
  if (__builtin_expect(entry == nullptr, 0)) {
    return c_event_general<kind>(arguments);
  }
  if (kind == EventKind::kEnter) {
    ticks = tracer::read_ticks(ClockKind::kTsc);
  }
  return record<kind>(thread, ticks, entry->id);
}

}  // namespace

const Subscription kSubscriptions[kSubscriptionCount] = {
    {"PY_START", on_code_event<EventKind::kEnter>, false, on_enter_with_line<Begins::kCalled>},
    {"PY_RESUME",
     on_code_event<EventKind::kEnter, Begins::kResumed>,
     false,
     on_enter_with_line<Begins::kResumed>},
    {"PY_THROW",
     on_code_event<EventKind::kEnter, Begins::kResumed>,
     false,
     on_enter_with_line<Begins::kResumed>},
    {"PY_RETURN", on_code_event<EventKind::kLeave>, false},
    {"PY_YIELD", on_code_event<EventKind::kUnwind>, false},
    {"PY_UNWIND", on_code_event<EventKind::kUnwind>, false},
    {"CALL", on_c_event<EventKind::kEnter>, true},
    {"C_RETURN", on_c_event<EventKind::kLeave>, true},
    {"C_RAISE", on_c_event<EventKind::kUnwind>, true},
};

}  // namespace vtn::runtime

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
//
// Functions that a filter hides have each of their places switched off as its event comes: after
// that they cost nothing. PY_THROW, PY_UNWIND, C_RETURN and C_RAISE have no place of their own
// (gh-106895): of a hidden function the first two come for ever, the others not once its CALL is
// off.
#include "runtime/capture/monitoring.h"

#include "runtime/capture/backends.h"
#include "runtime/capture/budget.h"
#include "runtime/capture/caller_lines.h"
#include "runtime/capture/control.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/open_stack.h"
#include "runtime/capture/own_profilers.h"
#include "runtime/capture/thread_part.h"
#include "runtime/filters/filters.h"
#include "runtime/known/known_functions.h"
#include "runtime/marks/exceptions.h"
#include "runtime/module/native_module.h"
#include "runtime/python/versions.h"
#include "runtime/values/arguments.h"
#include "runtime/variables/variables.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

namespace {

enum CallbackArgument { kCode = 0, kOffset = 1, kCallable = 2, kReturned = 2, kException = 2 };

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
  return is_remembered(thread, code) || g_python.PyErr_Occurred() == nullptr ||
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

// Whether an event has a place that can be switched off.
enum class Place { kOwn, kNone };

// PY_YIELD, which has a place, where PY_UNWIND has none.
constexpr bool is_suspension(EventKind kind, Place place) {
  return kind == EventKind::kUnwind && place == Place::kOwn;
}

// What to answer where a function is hidden. A place of a code that is not remembered stays on: C
// code sends its events, or it tells of a name.
template <Place place>
[[gnu::noinline]] PyObject* switch_off(const tracer::ThreadState* thread, const PyObject* code) {
  if (place == Place::kNone || g_switch_off == nullptr || !is_remembered(thread, code)) {
    return answer(thread, code);
  }
  g_python.Py_IncRef(g_switch_off);
  return g_switch_off;
}

// Likewise where one begins; also of a code that is not remembered as it has open frames
// (--budget).
template <Place place>
PyObject* switch_begin_off(const tracer::ThreadState* thread, const PyObject* code) {
  if (place == Place::kOwn && begins_are_void(code)) {
    g_python.Py_IncRef(g_switch_off);
    return g_switch_off;
  }
  return switch_off<place>(thread, code);
}

// A call of that code has begun, or ended: of a known function it says something.
template <Begins begins>
void look_at_known_begin(tracer::ThreadState* thread, PyObject* code) {
  if (const uint8_t known = known_function_of(thread, code);
      begins == Begins::kCalled && known != 0) {
    known_call_begins(thread, code, known);
  }
}

void look_at_known_end(tracer::ThreadState* thread, PyObject* code) {
  if (const uint8_t known = known_function_of(thread, code); known != 0) {
    known_call_ends(thread, code, known);
  }
}

// Any clock, any thread, any code object.
template <EventKind kind, Begins begins, Place place>
[[gnu::noinline]] PyObject* code_event_general(PyObject* code) {
  constexpr bool kIsBegin = kind == EventKind::kEnter;
  if (g_recording_clock == kPausedClock) {
    tracer::ThreadState* thread = tracer::current_thread();
    note_pause(thread);
    leave_open_frame(code);
    return answer(thread, code);
  }
  uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  tracer::ThreadState* thread = tracer::current_thread();
  if (kIsBegin) {
    leave_open_frame(code);
  }
  const uint32_t id = id_of<begins>(code_ids(thread, code));
  if (kIsBegin) {
    look_at_known_begin<begins>(thread, code);
  } else if (!is_suspension(kind, place)) {
    look_at_known_end(thread, code);
  }
  if (__builtin_expect(id == kIdHidden, 0)) {
    return kIsBegin ? switch_begin_off<place>(thread, code) : switch_off<place>(thread, code);
  }
  if (kIsBegin) {
    ticks = tracer::read_ticks(tracer::g_engine.clock);
  }
  tracer::record_at(thread, ticks, kind, id);
  if (!kIsBegin) {
    leave_open_frame(code);
  }
  return answer(thread, code);
}

template <bool filtering, EventKind kind, Place place, Begins begins = Begins::kCalled>
PyObject* on_code_event(PyObject*, PyObject* const* arguments, size_t, PyObject*) {
  PyObject* const code = arguments[kCode];
  if (kDoNothing) {
    return none();
  }
  if (__builtin_expect(g_recording_clock != ClockKind::kTsc, 0)) {
    return code_event_general<kind, begins, place>(code);
  }
  uint64_t ticks = 0;
  if (kind != EventKind::kEnter) {
    ticks = tracer::read_ticks(ClockKind::kTsc);
  }
  tracer::ThreadState* thread = tracer::thread_or_null();
  if (__builtin_expect(thread == nullptr, 0)) {
    return code_event_general<kind, begins, place>(code);
  }
  const CodeCacheEntry& entry = part_of(thread)->codes[code_cache_slot(code)];
  if (__builtin_expect(entry.code != code, 0)) {
    return code_event_general<kind, begins, place>(code);
  }
  if (filtering && __builtin_expect(entry.ids.id == kIdHidden, 0)) {
    return switch_off<place>(thread, code);
  }
  if (kind == EventKind::kEnter) {
    ticks = tracer::read_ticks(ClockKind::kTsc);
  }
  return record<kind>(thread, ticks, id_of<begins>(entry.ids));
}

// With the line of the caller and the arguments, where they are wanted.
template <Place place, Begins begins>
PyObject* on_enter_with_notes(PyObject*, PyObject* const* arguments, size_t, PyObject*) {
  if (kDoNothing) {
    return none();
  }
  PyObject* const code = arguments[kCode];
  if (__builtin_expect(g_recording_clock == kPausedClock, 0)) {
    return code_event_general<EventKind::kEnter, begins, place>(code);
  }
  tracer::ThreadState* thread = tracer::current_thread();
  leave_open_frame(code);
  const CodeIds ids = code_ids(thread, code);
  const uint32_t id = id_of<begins>(ids);
  look_at_known_begin<begins>(thread, code);
  if (__builtin_expect(id == kIdHidden, 0)) {
    if (begins == Begins::kCalled && (values_of(thread, code) & kIsLogged) != 0) {
      log_begin(thread, code);  // --log_sparse
      return answer(thread, code);
    }
    return switch_begin_off<place>(thread, code);
  }
  look_at_handlers(thread, ids.id != ids.resumed_id);
  open_stack_before_notes(thread, id);
  if (caller_lines_wanted()) {
    note_caller_line(thread, id, code, Callee::kRunning);
  }
  if (const uint16_t values = values_of(thread, code);
      begins == Begins::kCalled && (values & kItsArguments) != 0) {
    note_arguments(thread, code, nullptr, values);
  }
  tracer::record_enter(thread, id);
  if (begins == Begins::kCalled && (values_of(thread, code) & kIsLogged) != 0) {
    log_begin(thread, code);
  }
  return answer(thread, code);
}

// With what it returns or yields, where that is wanted.
template <EventKind kind>
PyObject* on_end_with_notes(PyObject*, PyObject* const* arguments, size_t, PyObject*) {
  if (kDoNothing) {
    return none();
  }
  PyObject* const code = arguments[kCode];
  if (__builtin_expect(g_recording_clock == kPausedClock, 0)) {
    return code_event_general<kind, Begins::kCalled, Place::kOwn>(code);
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  tracer::ThreadState* thread = tracer::current_thread();
  const CodeIds ids = code_ids(thread, code);
  const uint32_t id = ids.id;
  if (!is_suspension(kind, Place::kOwn)) {
    look_at_known_end(thread, code);
  }
  if (__builtin_expect(id == kIdHidden, 0)) {
    return switch_off<Place::kOwn>(thread, code);
  }
  look_at_handlers(thread, ids.id != ids.resumed_id);
  if (const uint16_t values = values_of(thread, code); (values & kItsReturnValue) != 0) {
    note_return_value(thread, code, arguments[kReturned], values);
  }
  tracer::record_at(thread, ticks, kind, id);
  leave_open_frame(code);
  return answer(thread, code);
}

// With what leaves the thread by it.
PyObject* on_unwind_with_notes(PyObject* self,
                               PyObject* const* arguments,
                               size_t count,
                               PyObject* names) {
  if (!kDoNothing && g_recording_clock != kPausedClock) {
    exception_unwinds(tracer::current_thread(), arguments[kException]);
  }
  return on_code_event<true, EventKind::kUnwind, Place::kNone>(self, arguments, count, names);
}

// What to answer where no event of a call was.
PyObject* answer_aside(PyObject* code) { return answer(tracer::current_thread(), code); }

PyObject* on_raise(PyObject*, PyObject* const* arguments, size_t, PyObject*) {
  if (!kDoNothing && g_recording_clock != kPausedClock) {
    exception_raised(
        tracer::current_thread(), arguments[kCode], arguments[kOffset], arguments[kException]);
  }
  return answer_aside(arguments[kCode]);
}

PyObject* on_raise_again(PyObject*, PyObject* const* arguments, size_t, PyObject*) {
  if (!kDoNothing && g_recording_clock != kPausedClock) {
    exception_raised_again(tracer::current_thread(), arguments[kException]);
  }
  return answer_aside(arguments[kCode]);
}

PyObject* on_handled(PyObject*, PyObject* const* arguments, size_t, PyObject*) {
  if (!kDoNothing && g_recording_clock != kPausedClock) {
    exception_handled(
        tracer::current_thread(), arguments[kCode], arguments[kOffset], arguments[kException]);
  }
  return answer_aside(arguments[kCode]);
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

// Only CALL has a place.
template <EventKind kind>
inline constexpr Place kPlaceOfC = kind == EventKind::kEnter ? Place::kOwn : Place::kNone;

// The caller is hidden, and so is what it calls.
template <EventKind kind>
PyObject* pass_hidden_caller(tracer::ThreadState* thread, PyObject* const* arguments) {
  PyObject* const callable = arguments[kCallable];
  return is_setprofile(callable) ? pass_setprofile<kind>(thread, callable)
                                 : switch_off<kPlaceOfC<kind>>(thread, arguments[kCode]);
}

// Whether this thread knows already that a filter hides the code.
bool thread_hides(const PyObject* code) {
  const tracer::ThreadState* thread = tracer::thread_or_null();
  return thread != nullptr && is_remembered(thread, code) &&
         part_of(thread)->codes[code_cache_slot(code)].ids.id == kIdHidden;
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
  if (filters_on() && code_ids(thread, arguments[kCode]).id == kIdHidden) {
    return pass_hidden_caller<kind>(thread, arguments);
  }
  const uint32_t id = callable_id(thread, callable);
  if (is_recorded(id)) {
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
template <bool filtering, EventKind kind>
PyObject* on_c_event(PyObject*, PyObject* const* arguments, size_t, PyObject*) {
  PyObject* const callable = arguments[kCallable];
  const PyObject* const type = type_of(callable);
  if (kDoNothing) {
    return none();
  }
  if (filtering && __builtin_expect(thread_hides(arguments[kCode]), 0)) {
    return pass_hidden_caller<kind>(tracer::current_thread(), arguments);
  }
  if (type == g_python.PyFunction_Type) {
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
    // What is ours is never remembered, and often called where a program logs much.
    return is_own_definition(key.key) ? none() : c_event_general<kind>(arguments);
  }
  if (filtering &&
      __builtin_expect(entry->id == kIdHidden || !is_remembered(thread, arguments[kCode]), 0)) {
    return c_event_general<kind>(arguments);
  }
  if (kind == EventKind::kEnter) {
    ticks = tracer::read_ticks(ClockKind::kTsc);
  }
  return record<kind>(thread, ticks, entry->id);
}

}  // namespace

PyObject* g_switch_off = nullptr;

const Subscription kSubscriptions[kSubscriptionCount] = {
    {"PY_START",
     EventOf::kCalls,
     true,
     NotesOf::kLinesAndValues,
     on_code_event<false, EventKind::kEnter, Place::kOwn>,
     on_code_event<true, EventKind::kEnter, Place::kOwn>,
     on_enter_with_notes<Place::kOwn, Begins::kCalled>},
    {"PY_RESUME",
     EventOf::kCalls,
     false,
     NotesOf::kLinesAndValues,
     on_code_event<false, EventKind::kEnter, Place::kOwn, Begins::kResumed>,
     on_code_event<true, EventKind::kEnter, Place::kOwn, Begins::kResumed>,
     on_enter_with_notes<Place::kOwn, Begins::kResumed>},
    {"PY_THROW",
     EventOf::kCalls,
     true,
     NotesOf::kLinesAndValues,
     on_code_event<false, EventKind::kEnter, Place::kNone, Begins::kResumed>,
     on_code_event<true, EventKind::kEnter, Place::kNone, Begins::kResumed>,
     on_enter_with_notes<Place::kNone, Begins::kResumed>},
    {"PY_RETURN",
     EventOf::kCalls,
     false,
     NotesOf::kValues,
     on_code_event<false, EventKind::kLeave, Place::kOwn>,
     on_code_event<true, EventKind::kLeave, Place::kOwn>,
     on_end_with_notes<EventKind::kLeave>},
    {"PY_YIELD",
     EventOf::kCalls,
     false,
     NotesOf::kValues,
     on_code_event<false, EventKind::kUnwind, Place::kOwn>,
     on_code_event<true, EventKind::kUnwind, Place::kOwn>,
     on_end_with_notes<EventKind::kUnwind>},
    {"PY_UNWIND",
     EventOf::kCalls,
     false,
     NotesOf::kExceptions,
     on_code_event<false, EventKind::kUnwind, Place::kNone>,
     on_code_event<true, EventKind::kUnwind, Place::kNone>,
     on_unwind_with_notes},
    {"CALL",
     EventOf::kCFunctions,
     false,
     NotesOf::kLinesAndValues,
     on_c_event<false, EventKind::kEnter>,
     on_c_event<true, EventKind::kEnter>},
    {"C_RETURN",
     EventOf::kCFunctions,
     false,
     NotesOf::kLinesAndValues,
     on_c_event<false, EventKind::kLeave>,
     on_c_event<true, EventKind::kLeave>},
    {"C_RAISE",
     EventOf::kCFunctions,
     false,
     NotesOf::kLinesAndValues,
     on_c_event<false, EventKind::kUnwind>,
     on_c_event<true, EventKind::kUnwind>},
    {"RAISE", EventOf::kExceptions, false, NotesOf::kLinesAndValues, on_raise, on_raise},
    {"RERAISE",
     EventOf::kExceptions,
     false,
     NotesOf::kLinesAndValues,
     on_raise_again,
     on_raise_again},
    {"EXCEPTION_HANDLED",
     EventOf::kExceptions,
     false,
     NotesOf::kLinesAndValues,
     on_handled,
     on_handled},
    {"INSTRUCTION",
     EventOf::kInstructions,
     false,
     NotesOf::kLinesAndValues,
     on_instruction,
     on_instruction},
};

}  // namespace vtn::runtime

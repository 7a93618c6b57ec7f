// SPDX-License-Identifier: Apache-2.0
#include "runtime/marks/exceptions.h"

#include <initializer_list>

#include <string.h>

#include "runtime/capture/control.h"
#include "runtime/capture/functions.h"
#include "runtime/entry/process.h"
#include "runtime/filters/filters.h"
#include "runtime/marks/marks.h"
#include "runtime/python/frames.h"
#include "runtime/python/layout.h"
#include "runtime/python/text.h"
#include "runtime/python/type_names.h"
#include "tracer/clock.h"

namespace vtn::runtime {

namespace {

constexpr char kCategory[] = "exception";
constexpr uint32_t kTrials = 16;
constexpr int kMostHiddenFrames = 64;
constexpr char kRaised[] = "raise ";
constexpr char kCaught[] = "caught ";
constexpr char kUncaught[] = "uncaught ";
constexpr long kIsResumed = 0x20 | 0x80 | 0x200;  // CO_GENERATOR, COROUTINE, ASYNC_GENERATOR

struct {
  bool wanted;
  bool by_layout;  // tracebacks are as they are known
  uint32_t trials;
  int (*address_to_line)(PyObject*, int);
  PyObject* (*handled)();  // PyErr_GetHandledException: 3.11
  PyObject* (*traceback)(PyObject*);
} g_exceptions;

// "raise KeyError"
uint32_t name_of(const char* what, const PyObject* type) {
  const char* const whole = type_name(type);
  const char* const dot = strrchr(whole, '.');  // a type made in C may have its module in its name
  char text[kMaxNameBytes];
  size_t bytes = 0;
  for (const tracer::Text part : {text_of(what), text_of(dot == nullptr ? whole : dot + 1)}) {
    const size_t kept = part.bytes < sizeof(text) - bytes ? part.bytes : sizeof(text) - bytes;
    memcpy(text + bytes, part.data, kept);
    bytes += kept;
  }
  return mark_name(MarkKind::kInstant, {text, bytes}, text_of(kCategory));
}

// Of the first instruction from there on that has a line: a handler's own first one has none.
uint32_t line_at(PyObject* code, PyObject* offset) {
  constexpr int kInstructionBytes = 2;
  constexpr int kMostInstructions = 8;
  const long at = g_python.PyLong_AsLong(offset);
  if (g_exceptions.address_to_line == nullptr || type_of(code) != g_python.PyCode_Type || at < 0) {
    return 0;
  }
  for (int i = 0; i < kMostInstructions; ++i) {
    const int line =
        g_exceptions.address_to_line(code, static_cast<int>(at) + i * kInstructionBytes);
    if (line > 0) {
      return static_cast<uint32_t>(line);
    }
  }
  return 0;
}

// The frame that runs, as far as it can be told from others.
const void* running_frame() {
  PyFrame* const object = g_python.PyEval_GetFrame();  // borrowed
  return object == nullptr ? nullptr : frame_of_object(object);
}

// Whether that is a frame of the code; not, where C code sends its events.
bool runs(const PyObject* code) {
  PyFrame* const frame = g_python.PyEval_GetFrame();  // borrowed
  return frame != nullptr && PyRef::steal(g_python.PyFrame_GetCode(frame)).get() == code;
}

// A traceback: the next one, towards where the exception was raised; its frame. Read where they
// lie, which is the same from 3.10 to 3.15: asking for tb_frame is an audit event.
PyObject* next_of(const PyObject* traceback) { return field<PyObject*>(traceback, kHeadBytes); }
PyObject* frame_of(const PyObject* traceback) {
  return field<PyObject*>(traceback, kHeadBytes + 8);
}

// Whether they lie there, of this one.
bool traceback_is_as_known(PyObject* traceback) {
  const PyRef next = PyRef::steal(g_python.PyObject_GetAttrString(traceback, "tb_next"));
  g_python.PyErr_Clear();
  PyObject* const expected = next.get() == g_python._Py_NoneStruct ? nullptr : next.get();
  return next && next_of(traceback) == expected &&
         strcmp(type_name(type_of(frame_of(traceback))), "frame") == 0;
}

bool filters_hide_some() { return filters_on() && !nothing_is_recorded(); }

bool is_hidden(tracer::ThreadState* thread, PyObject* code) {
  return filters_hide_some() && code_ids(thread, code).id == kIdHidden;
}

bool frame_is_hidden(tracer::ThreadState* thread, const PyObject* traceback) {
  if (!filters_hide_some() || !g_exceptions.by_layout) {
    return false;
  }
  const PyRef code =
      PyRef::steal(g_python.PyFrame_GetCode(reinterpret_cast<PyFrame*>(frame_of(traceback))));
  return code && is_known_hidden(thread, code.get());
}

// Whether this is the first frame that is recorded of those that an exception comes by: its
// traceback has the frames, each in front of those that it called.
bool is_first_frame(tracer::ThreadState* thread, PyObject* traceback) {
  if (g_exceptions.trials != 0) {
    --g_exceptions.trials;
    g_exceptions.by_layout = g_exceptions.by_layout && traceback_is_as_known(traceback);
  }
  if (!g_exceptions.by_layout) {
    return part_of(thread)->told_exception == nullptr;
  }
  const PyObject* next = next_of(traceback);
  for (int i = 0; next != nullptr && frame_is_hidden(thread, next); ++i) {
    if (i == kMostHiddenFrames) {
      return true;  // rather told twice than looked through at each of so many frames
    }
    next = next_of(next);
  }
  return next == nullptr;
}

uint32_t line_of(PyObject* traceback) {
  const PyRef line = PyRef::steal(
      traceback == nullptr ? nullptr : g_python.PyObject_GetAttrString(traceback, "tb_lineno"));
  const long number = line ? g_python.PyLong_AsLong(line.get()) : 0;
  return number > 0 ? static_cast<uint32_t>(number) : 0;
}

// `exception`: what is told of it; null: nothing but its type.
void tell(tracer::ThreadState* thread,
          const char* what,
          const PyObject* type,
          PyObject* exception,
          uint32_t line,
          uint64_t ticks,
          bool safely = false) {
  Mark mark(safely);
  if (exception != nullptr) {
    mark.add("exception", exception);
  }
  if (line != 0) {
    mark.add_number("line", line);
  }
  mark.record(thread, MarkKind::kInstant, name_of(what, type), ticks);
}

// By which CPython ends loops, generators and awaits: it raises them at every end, and swallows
// them.
bool ends_iteration(const PyObject* type) {
  const char* const name = type_name(type);
  return strcmp(name, "StopIteration") == 0 || strcmp(name, "GeneratorExit") == 0 ||
         strcmp(name, "StopAsyncIteration") == 0;
}

void tell_uncaught(tracer::ThreadState* thread,
                   const PyObject* type,
                   PyObject* exception,
                   uint64_t ticks,
                   bool safely = false) {
  part_of(thread)->told_exception = nullptr;
  if (!ends_iteration(type)) {
    tell(thread, kUncaught, type, exception, 0, ticks, safely);
  }
}

void tell_caught(tracer::ThreadState* thread, const HandledException& handled) {
  if (part_of(thread)->told_exception == handled.exception) {
    part_of(thread)->told_exception = nullptr;
  }
  Mark mark;
  if (handled.line != 0) {
    mark.add_number("line", handled.line);
  }
  mark.record(thread, MarkKind::kInstant, handled.name, handled.ticks);
}

void forget(ThreadPart* part, uint32_t index) {
  part->handled_plainly -= part->handled[index].of_generator ? 0 : 1;
  --part->handled_count;
  memmove(&part->handled[index],
          &part->handled[index + 1],
          (part->handled_count - index) * sizeof(HandledException));
}

// The handler was none that catches: it raises what it has again. In that frame; null: in any.
void take_back(ThreadPart* part, const PyObject* exception, const void* frame) {
  for (uint32_t i = part->handled_count; i-- > 0;) {
    if (part->handled[i].exception == exception &&
        (frame == nullptr || part->handled[i].frame == frame)) {
      forget(part, i);
      return;
    }
  }
}

void settle(tracer::ThreadState* thread) {
  ThreadPart* const part = part_of(thread);
  if (part->handled_count == 0 || g_exceptions.handled == nullptr) {
    return;
  }
  const PyRef now = PyRef::steal(g_exceptions.handled());
  const void* const frame = running_frame();
  for (uint32_t i = part->handled_count; i-- > 0;) {
    const HandledException handled = part->handled[i];
    if (handled.of_generator && handled.frame != frame) {
      continue;  // it may be handled still, while its generator waits
    }
    if (handled.exception == now.get()) {
      break;  // and so may those that came before
    }
    forget(part, i);
    tell_caught(thread, handled);
  }
}

bool is_resumed_code(PyObject* code) {
  const PyRef flags = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_flags"));
  return flags && (g_python.PyLong_AsLong(flags.get()) & kIsResumed) != 0;
}

}  // namespace

void start_exceptions() {
  g_exceptions = {};
  g_exceptions.by_layout = true;
  g_exceptions.trials = kTrials;
  g_exceptions.wanted = session_option(kOptionLogExceptions);
  g_exceptions.address_to_line =
      reinterpret_cast<int (*)(PyObject*, int)>(find_python_symbol("PyCode_Addr2Line"));
  g_exceptions.handled =
      reinterpret_cast<PyObject* (*)()>(find_python_symbol("PyErr_GetHandledException"));
  g_exceptions.traceback =
      reinterpret_cast<PyObject* (*)(PyObject*)>(find_python_symbol("PyException_GetTraceback"));
  g_exceptions.wanted = g_exceptions.wanted && g_exceptions.traceback != nullptr;
}

bool exceptions_wanted() { return g_exceptions.wanted; }

void exception_raised(tracer::ThreadState* thread,
                      PyObject* code,
                      PyObject* offset,
                      PyObject* exception) {
  const KeepErrno keep_errno;
  const PendingException pending;
  if (ends_iteration(type_of(exception))) {
    return;
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  const bool hidden = is_hidden(thread, code);
  const PyRef traceback = PyRef::steal(g_exceptions.traceback(exception));
  const bool first = runs(code) ? !traceback || is_first_frame(thread, traceback.get())
                                : part_of(thread)->told_exception != exception;  // C code says so
  if (!first) {
    take_back(part_of(thread), exception, running_frame());  // "raise error" in its own handler
  }
  settle(thread);
  if (first && !hidden) {
    part_of(thread)->told_exception = exception;
    tell(thread, kRaised, type_of(exception), exception, line_at(code, offset), ticks);
  }
  g_python.PyErr_Clear();
}

void exception_raised_again(tracer::ThreadState* thread, const PyObject* exception) {
  take_back(part_of(thread), exception, nullptr);
}

void exception_handled(tracer::ThreadState* thread,
                       PyObject* code,
                       PyObject* offset,
                       PyObject* exception) {
  const KeepErrno keep_errno;
  const PendingException pending;
  if (ends_iteration(type_of(exception))) {
    return;
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  ThreadPart* const part = part_of(thread);
  settle(thread);
  const bool hidden = is_hidden(thread, code);
  if (!hidden || part->told_exception == exception) {
    if (part->handled_count == kMostHandled) {
      const HandledException oldest = part->handled[0];
      forget(part, 0);
      if (!oldest.of_generator) {
        tell_caught(thread, oldest);
      }
    }
    part->handled[part->handled_count++] = {exception,
                                            running_frame(),
                                            ticks,
                                            name_of(kCaught, type_of(exception)),
                                            line_at(code, offset),
                                            is_resumed_code(code)};
    part->handled_plainly += part->handled[part->handled_count - 1].of_generator ? 0 : 1;
  }
  g_python.PyErr_Clear();
}

void exception_unwinds(tracer::ThreadState* thread, PyObject* exception) {
  const KeepErrno keep_errno;
  const PendingException pending;
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  settle(thread);
  PyFrame* const frame = g_python.PyEval_GetFrame();  // borrowed
  const PyRef caller = PyRef::steal(
      frame == nullptr ? nullptr : reinterpret_cast<PyObject*>(g_python.PyFrame_GetBack(frame)));
  if (frame != nullptr && !caller) {
    tell_uncaught(thread, type_of(exception), exception, ticks);
  }
  g_python.PyErr_Clear();
}

void exception_left_frame(tracer::ThreadState* thread) {
  const KeepErrno keep_errno;
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  PyObject* type = nullptr;
  PyObject* exception = nullptr;
  PyObject* traceback = nullptr;
  g_python.PyErr_Fetch(&type, &exception, &traceback);
  if (type != nullptr && !ends_iteration(type)) {
    // What C code set may be no exception so far, but what one will be made of.
    if (traceback == nullptr ||
        (!frame_is_hidden(thread, traceback) && is_first_frame(thread, traceback))) {
      tell(thread, kRaised, type, exception, line_of(traceback), ticks, /*safely=*/true);
    }
    if (g_python.PyEval_GetFrame() == nullptr) {
      tell_uncaught(thread, type, exception, ticks, /*safely=*/true);
    }
  }
  g_python.PyErr_Clear();
  g_python.PyErr_Restore(type, exception, traceback);
}

void settle_exceptions(tracer::ThreadState* thread) {
  const KeepErrno keep_errno;
  const PendingException pending;
  settle(thread);
  g_python.PyErr_Clear();
}

}  // namespace vtn::runtime

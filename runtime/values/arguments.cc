// SPDX-License-Identifier: Apache-2.0
#include "runtime/values/arguments.h"

#include <string.h>

#include "runtime/capture/functions.h"
#include "runtime/entry/process.h"
#include "runtime/filters/filters.h"
#include "runtime/filters/patterns.h"
#include "runtime/python/frames.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "runtime/values/values.h"
#include "tracer/names_writer.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

namespace {

constexpr uint32_t kTrials = 64;
constexpr long kVarArgs = 0x04;  // CO_VARARGS
constexpr long kVarKeywords = 0x08;

struct {
  bool wanted;
  bool arguments;      // of all functions
  bool return_values;  // of all functions
  bool by_layout;      // else by the API, or not at all
  uint32_t trials;
  PyObject* (*get_variable)(PyFrame*, PyObject*);
} g_arguments;

long number_of(PyObject* code, const char* attribute) {
  const PyRef value = PyRef::steal(g_python.PyObject_GetAttrString(code, attribute));
  return value ? g_python.PyLong_AsLong(value.get()) : 0;
}

PyRef names_of(PyObject* code) {
  PyRef names = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_varnames"));
  const bool usable = names && type_of(names.get()) == g_python.PyTuple_Type;
  return PyRef::steal(usable ? names.release() : nullptr);
}

// Borrowed; null: there is none (any more), or nobody knows.
PyObject* read_argument(const void* frame, unsigned index) {
  const intptr_t at =
      frame_variables(g_python.minor) + static_cast<intptr_t>(index * sizeof(void*));
  auto* value = reinterpret_cast<PyObject*>(field<uintptr_t>(frame, at) & ~kReferenceTags);
  if (value != nullptr && type_of(value) == g_python.PyCell_Type &&
      cells_replace_arguments(g_python.minor)) {
    value = field<PyObject*>(value, kCellContents);
  }
  return value;
}

// An argument that an inner function uses, where its own place is empty: the cells lie behind the
// variables, in the order of their names.
PyObject* read_cell(PyObject* code, const void* frame, unsigned index) {
  const PyRef names = names_of(code);
  const PyRef cells = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_cellvars"));
  if (!names || !cells || type_of(cells.get()) != g_python.PyTuple_Type) {
    return nullptr;
  }
  const Utf8 wanted(g_python.PyTuple_GetItem(names.get(), static_cast<PySize>(index)));
  const long variables = number_of(code, "co_nlocals");
  for (PySize i = 0; i < g_python.PyTuple_Size(cells.get()); ++i) {
    const Utf8 cell_name(g_python.PyTuple_GetItem(cells.get(), i));
    const tracer::Text name = cell_name.text();
    if (name.bytes == wanted.text().bytes &&
        memcmp(name.data, wanted.text().data, name.bytes) == 0) {
      const auto* cell = field<PyObject*>(
          frame,
          frame_variables(g_python.minor) + static_cast<PySize>(sizeof(void*)) * (variables + i));
      return cell == nullptr || type_of(cell) != g_python.PyCell_Type
                 ? nullptr
                 : field<PyObject*>(cell, kCellContents);
    }
  }
  return nullptr;
}

PyObject* argument_of(PyObject* code, const void* frame, unsigned index) {
  PyObject* const value = read_argument(frame, index);
  return value == nullptr && !cells_replace_arguments(g_python.minor)
             ? read_cell(code, frame, index)
             : value;
}

// What the API says of it: a new reference, or null.
PyRef ask_for_argument(PyFrame* frame, PyObject* name) {
  PyRef value = PyRef::steal(g_arguments.get_variable(frame, name));
  g_python.PyErr_Clear();
  return value;
}

// One of the first: frame by frame and argument by argument as the API says? Else it is asked for
// good.
[[gnu::noinline, gnu::cold]] void try_layout(PyObject* code, const void* frame, unsigned count) {
  if (!frames_tell_variables(g_python.minor) || g_arguments.get_variable == nullptr) {
    g_arguments.trials = 0;  // nobody to ask: versions.h is of releases that do not change any more
    return;
  }
  PyFrame* object = g_python.PyEval_GetFrame();  // borrowed
  const PyRef names = names_of(code);
  bool agreed = object != nullptr && frame_of_object(object) == frame && names;
  for (unsigned i = 0; agreed && i < count; ++i) {
    const PyRef value =
        ask_for_argument(object, g_python.PyTuple_GetItem(names.get(), static_cast<PySize>(i)));
    // One that is a cell itself is no other thing than what it holds, here.
    PyObject* const read = read_argument(frame, i);
    agreed = value.get() == read || (value && type_of(value.get()) == g_python.PyCell_Type &&
                                     field<PyObject*>(value.get(), kCellContents) == read);
  }
  g_python.PyErr_Clear();
  g_arguments.by_layout = agreed;
  --g_arguments.trials;
}

const void* running_frame() {
  const PyThread* const state = current_thread_state();
  if (g_arguments.trials != 0 && !find_current_frame(state)) {
    return nullptr;
  }
  return current_frame(state);
}

size_t put_arguments_by_api(char* to, size_t room, PyObject* code, const WantedValues& wanted) {
  PyFrame* object = g_python.PyEval_GetFrame();
  const PyRef names = names_of(code);
  size_t bytes = 0;
  for (unsigned i = 0; i < wanted.arguments; ++i) {
    const PyRef value =
        object != nullptr && names && g_arguments.get_variable != nullptr
            ? ask_for_argument(object,
                               g_python.PyTuple_GetItem(names.get(), static_cast<PySize>(i)))
            : PyRef();
    bytes += (wanted.secrets >> i & 1) != 0 ? put_redacted(to + bytes, room - bytes)
             : value                        ? put_value(value.get(), to + bytes, room - bytes)
                                            : put_unbound(to + bytes, room - bytes);
  }
  return bytes;
}

// Values of any kind, and the first calls. `bytes` has room for kMaxNoteBytes.
[[gnu::noinline]] void note_any_arguments(tracer::ThreadState* thread,
                                          PyObject* code,
                                          const void* frame,
                                          char* bytes) {
  const KeepErrno keep_errno;
  const PendingException pending;
  const WantedValues wanted = wanted_values_of(code);
  size_t used = 0;
  if (frame == nullptr) {
    frame = g_arguments.by_layout ? running_frame() : nullptr;
    if (frame != nullptr && code_of_frame(frame) != code) {
      return;
    }
  }
  if (g_arguments.by_layout && g_arguments.trials != 0 && frame != nullptr) {
    try_layout(code, frame, wanted.arguments);
  }
  if (!g_arguments.by_layout || frame == nullptr) {
    used = put_arguments_by_api(bytes, kMaxNoteBytes, code, wanted);
  } else {
    for (unsigned i = 0; i < wanted.arguments; ++i) {
      PyObject* const value = argument_of(code, frame, i);
      const size_t room = kMaxNoteBytes - used;
      used += (wanted.secrets >> i & 1) != 0 ? put_redacted(bytes + used, room)
              : value != nullptr             ? put_value(value, bytes + used, room)
                                             : put_unbound(bytes + used, room);
    }
  }
  tracer::record_note(thread, NoteKind::kArguments, wanted.arguments, bytes, used);
}

bool asked_for(uint32_t key, bool all, tracer::Text name, tracer::Text file, PyObject* globals) {
  return all || meets_patterns(key, name, file, globals);
}

}  // namespace

void start_arguments() {
  g_arguments = {};
  ValueSettings settings;
  settings.repr = session_option(kOptionNoRepr)    ? Repr::kOff
                  : session_option(kOptionOwnRepr) ? Repr::kOwn
                                                   : Repr::kSafe;
  settings.object_fields = session_option(kOptionObjectFields);
  settings.redact = !session_option(kOptionNoRedact);
  settings.most_bytes = number_setting(VTN_SETTING_MAX_REPR, settings.most_bytes);
  start_values(settings);
  g_arguments.arguments = session_option(kOptionArguments);
  g_arguments.return_values = session_option(kOptionReturnValues);
  g_arguments.wanted = g_arguments.arguments || g_arguments.return_values;
  for_each_pattern([](uint32_t key, const char*) {
    g_arguments.wanted |= key == VTN_SETTING_ARGUMENTS_OF || key == VTN_SETTING_VALUES_OF;
  });
  g_arguments.by_layout = frame_variables(g_python.minor) != 0;
  g_arguments.trials = kTrials;
  g_arguments.get_variable =
      reinterpret_cast<PyObject* (*)(PyFrame*, PyObject*)>(find_python_symbol("PyFrame_GetVar"));
}

bool values_wanted() { return g_arguments.wanted; }

uint16_t count_parameters(PyObject* code) {
  const long flags = number_of(code, "co_flags");
  const long count = number_of(code, "co_argcount") + number_of(code, "co_kwonlyargcount") +
                     ((flags & kVarArgs) != 0 ? 1 : 0) + ((flags & kVarKeywords) != 0 ? 1 : 0);
  return static_cast<uint16_t>(count < kMostArguments ? count : kMostArguments);
}

PyRef argument_of_running(PyObject* code, const void* frame, unsigned index) {
  if (frame == nullptr) {
    frame = g_arguments.by_layout ? running_frame() : nullptr;
    if (frame != nullptr && code_of_frame(frame) != code) {
      return PyRef();
    }
  }
  if (frame != nullptr && g_arguments.trials != 0) {
    try_layout(code, frame, index + 1);
  }
  if (frame != nullptr && g_arguments.by_layout) {
    return PyRef::hold(argument_of(code, frame, index));
  }
  PyFrame* const object = g_python.PyEval_GetFrame();
  const PyRef names = names_of(code);
  return object == nullptr || !names || g_arguments.get_variable == nullptr
             ? PyRef()
             : ask_for_argument(object,
                                g_python.PyTuple_GetItem(names.get(), static_cast<PySize>(index)));
}

WantedValues wanted_values(
    PyObject* code, uint32_t id, tracer::Text name, tracer::Text file, PyObject* globals) {
  WantedValues wanted = {};
  if (asked_for(VTN_SETTING_ARGUMENTS_OF, g_arguments.arguments, name, file, globals)) {
    wanted.arguments = count_parameters(code);
  }
  if (asked_for(VTN_SETTING_VALUES_OF, g_arguments.return_values, name, file, globals)) {
    wanted.return_value = is_secret_name(name) ? kSecret : 1;
  }
  if (wanted.arguments == 0) {
    return wanted;
  }
  const PyRef names = names_of(code);
  char text[kMaxNameBytes];
  size_t bytes = 0;
  for (unsigned i = 0; names && i < wanted.arguments; ++i) {
    const Utf8 one(g_python.PyTuple_GetItem(names.get(), static_cast<PySize>(i)));
    wanted.secrets |= is_secret_name(one.text()) ? uint64_t{1} << i : 0;
    if (bytes + one.text().bytes + 1 > sizeof(text)) {
      break;
    }
    memcpy(text + bytes, one.text().data, one.text().bytes);
    bytes += one.text().bytes;
    text[bytes++] = 0;
  }
  g_python.PyErr_Clear();
  (void)tracer::publish_text(NameRecord::kParameters, id, {text, bytes});
  return wanted;
}

void note_arguments(tracer::ThreadState* thread,
                    PyObject* code,
                    const void* frame,
                    uint16_t brief) {
  const unsigned count = brief & kItsArguments;
  char bytes[kMaxNoteBytes];
  if (__builtin_expect(g_arguments.trials == 0 && g_arguments.by_layout, 1)) {
    if (frame == nullptr) {
      frame = current_frame(current_thread_state());
      if (code_of_frame(frame) != code) {
        return;  // what sends the event has no frame: nobody knows its arguments
      }
    }
    // The usual: nothing but plain values, of which none can fail.
    size_t used = 0;
    unsigned i = 0;
    for (; i < count && (brief & kHasSecrets) == 0; ++i) {
      PyObject* const value = read_argument(frame, i);
      const size_t more =
          value == nullptr ? 0 : put_simple_value(value, bytes + used, sizeof(bytes) - used);
      if (more == 0) {
        break;
      }
      used += more;
    }
    if (i == count) {
      tracer::record_note(thread, NoteKind::kArguments, count, bytes, used);
      return;
    }
  }
  note_any_arguments(thread, code, frame, bytes);
}

void note_return_value(tracer::ThreadState* thread,
                       PyObject* code,
                       PyObject* value,
                       uint16_t brief) {
  if (value == nullptr) {
    return;
  }
  char bytes[kMaxNoteBytes];
  size_t used = 0;
  if ((brief & kHasSecrets) == 0 || wanted_values_of(code).return_value != kSecret) {
    used = put_simple_value(value, bytes, sizeof(bytes));
    if (used == 0) {
      const KeepErrno keep_errno;
      const PendingException pending;
      used = put_value(value, bytes, sizeof(bytes));
    }
  } else {
    used = put_redacted(bytes, sizeof(bytes));
  }
  tracer::record_note(thread, NoteKind::kReturnValue, 0, bytes, used);
}

}  // namespace vtn::runtime

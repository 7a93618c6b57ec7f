// SPDX-License-Identifier: Apache-2.0
#include "runtime/known/known_functions.h"

#include <string.h>

#include "runtime/capture/thread_part.h"
#include "runtime/entry/process.h"
#include "runtime/known/otel_spans.h"
#include "runtime/known/wall_times.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "runtime/values/arguments.h"
#include "runtime/variables/code_parts.h"
#include "tracer/clock.h"

namespace vtn::runtime {

namespace {

constexpr unsigned kKnownParameters = 2;

struct KnownFunction {
  const char* file;                          // how its file's name ends, whole names of it
  const char* name;                          // qualified
  const char* parameters[kKnownParameters];  // the first ones
  bool (*begins)(const KnownCall& call);     // whether its end is of interest
  void (*ends)(const KnownCall& call);       // null: it never is
};

constexpr KnownFunction kKnownFunctions[] = {
    {"opentelemetry/sdk/trace/__init__.py",
     "Span.end",
     {"self", "end_time"},
     otel_span_is_open,
     tell_otel_span},
    {"opentelemetry/sdk/trace/__init__.py",
     "Span._add_event",
     {"self", "event"},
     tell_otel_event,
     nullptr},
};

bool g_wanted;

bool ends_with(tracer::Text text, tracer::Text end) {
  return text.bytes >= end.bytes &&
         memcmp(text.data + text.bytes - end.bytes, end.data, end.bytes) == 0;
}

bool is_file(tracer::Text file, tracer::Text known) {
  return ends_with(file, known) &&
         (file.bytes == known.bytes || file.data[file.bytes - known.bytes - 1] == '/');
}

bool is_name(tracer::Text name, tracer::Text known) {
  if (code_has_qualname(g_python.minor)) {
    return name.bytes == known.bytes && ends_with(name, known);
  }
  const auto* const dot = static_cast<const char*>(memrchr(known.data, '.', known.bytes));
  const size_t class_bytes = dot == nullptr ? 0 : static_cast<size_t>(dot + 1 - known.data);
  const tracer::Text bare = {known.data + class_bytes, known.bytes - class_bytes};
  return name.bytes == bare.bytes && ends_with(name, bare);
}

bool has_parameters(PyObject* code, const KnownFunction& known) {
  const PyRef names = tuple_of(code, "co_varnames");
  const PySize count = names ? g_python.PyTuple_Size(names.get()) : 0;
  for (unsigned i = 0; i < kKnownParameters; ++i) {
    if (static_cast<PySize>(i) >= count ||
        !Utf8(g_python.PyTuple_GetItem(names.get(), static_cast<PySize>(i)))
             .equals(known.parameters[i])) {
      return false;
    }
  }
  return true;
}

// Takes what was kept of such a call; 0: nothing was.
uint64_t take_begin(ThreadPart* part, const PyObject* argument, uint8_t row) {
  for (uint32_t i = part->known_count; i-- != 0;) {
    const OpenKnownCall open = part->known[i];
    if (open.argument == argument && open.row == row) {
      --part->known_count;
      memmove(
          &part->known[i], &part->known[i + 1], (part->known_count - i) * sizeof(part->known[0]));
      return open.begin_ticks;
    }
  }
  return 0;
}

// Where there is no room the outermost one goes.
void keep_begin(ThreadPart* part, const OpenKnownCall& open) {
  if (part->known_count == kMostOpenKnown) {
    --part->known_count;
    memmove(&part->known[0], &part->known[1], part->known_count * sizeof(part->known[0]));
  }
  part->known[part->known_count++] = open;
}

}  // namespace

void start_known_functions() {
  g_wanted = !session_option(kOptionNoLibrarySpans);
  start_wall_times();
}

uint8_t find_known_function(PyObject* code, tracer::Text name, tracer::Text file) {
  for (size_t i = 0; g_wanted && i < sizeof(kKnownFunctions) / sizeof(kKnownFunctions[0]); ++i) {
    const KnownFunction& known = kKnownFunctions[i];
    if (is_name(name, text_of(known.name)) && is_file(file, text_of(known.file)) &&
        has_parameters(code, known)) {
      return static_cast<uint8_t>(i + 1);
    }
  }
  return 0;
}

void known_call_begins(tracer::ThreadState* thread,
                       PyObject* code,
                       uint8_t row,
                       const void* frame) {
  const KeepErrno keep_errno;
  const PendingException pending;
  const KnownFunction& known = kKnownFunctions[row - 1];
  const PyRef first = argument_of_running(code, frame, 0);
  const PyRef second = first ? argument_of_running(code, frame, 1) : PyRef();
  if (first && thread->muted == 0) {
    (void)take_begin(part_of(thread), first.get(), row);  // of a call whose end was not seen
    const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
    if (known.begins({thread, first.get(), second.get(), ticks}) && known.ends != nullptr) {
      keep_begin(part_of(thread), {first.get(), ticks, row});
    }
  }
  g_python.PyErr_Clear();
}

void known_call_ends(tracer::ThreadState* thread, PyObject* code, uint8_t row, const void* frame) {
  if (part_of(thread)->known_count == 0) {
    return;
  }
  const KeepErrno keep_errno;
  const PendingException pending;
  if (const PyRef first = argument_of_running(code, frame, 0)) {
    known_call_has_ended(thread, row, first.get());
  }
  g_python.PyErr_Clear();
}

void known_call_has_ended(tracer::ThreadState* thread, uint8_t row, PyObject* first) {
  const KeepErrno keep_errno;
  const PendingException pending;
  const uint64_t begin_ticks = take_begin(part_of(thread), first, row);
  if (begin_ticks != 0 && thread->muted == 0) {
    kKnownFunctions[row - 1].ends({thread, first, nullptr, begin_ticks});
  }
  g_python.PyErr_Clear();
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
#include "runtime/marks/marks.h"

#include <string.h>

#include "runtime/values/values.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

uint32_t mark_name(MarkKind kind, tracer::Text name, tracer::Text category) {
  tracer::ensure_process();
  return tracer::intern_function(
      {kind == MarkKind::kCounter ? FunctionKind::kCounter : FunctionKind::kInstant,
       name,
       category});
}

// False: there is no room for a value of that name.
bool Mark::start_value(const char* name) {
  const auto bytes = static_cast<uint16_t>(strlen(name));
  if (room() < sizeof(bytes) + bytes + kLeastValueBytes) {
    return false;
  }
  memcpy(bytes_ + used_, &bytes, sizeof(bytes));
  memcpy(bytes_ + used_ + sizeof(bytes), name, bytes);
  used_ += sizeof(bytes) + bytes;
  return true;
}

void Mark::add(const char* name, PyObject* value) {
  if (start_value(name)) {
    used_ += value == nullptr ? put_unbound(bytes_ + used_, room())
                              : put_value(value, bytes_ + used_, room(), safely_);
  }
}

void Mark::add_all(const char* name, PyObject* const* values, PySize count) {
  if (count == 1) {
    add(name, values[0]);
  } else if (start_value(name)) {
    used_ += put_values(values, count, bytes_ + used_, room(), safely_);
  }
}

void Mark::add_text(const char* name, tracer::Text text) {
  if (start_value(name)) {
    used_ += put_text(text, bytes_ + used_, room());
  }
}

void Mark::add_number(const char* name, int64_t number) {
  if (start_value(name)) {
    used_ += put_number(number, bytes_ + used_, room());
  }
}

void Mark::add_redacted(const char* name) {
  if (start_value(name)) {
    used_ += put_redacted(bytes_ + used_, room());
  }
}

void Mark::record(tracer::ThreadState* thread, MarkKind kind, uint32_t name, uint64_t ticks) {
  memcpy(bytes_, &ticks, sizeof(ticks));
  const NoteKind note = kind == MarkKind::kCounter ? NoteKind::kCounter : NoteKind::kInstant;
  tracer::record_note(thread, note, name, bytes_, used_);
}

}  // namespace vtn::runtime

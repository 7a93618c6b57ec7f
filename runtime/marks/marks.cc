// SPDX-License-Identifier: Apache-2.0
#include "runtime/marks/marks.h"

#include <string.h>

#include "runtime/python/text.h"
#include "runtime/values/value_writer.h"
#include "runtime/values/values.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

uint32_t mark_name(MarkKind kind, tracer::Text name, tracer::Text category, uint32_t flags) {
  tracer::ensure_process();
  return tracer::intern_function(
      {kind == MarkKind::kCounter ? FunctionKind::kCounter : FunctionKind::kInstant,
       name,
       category,
       0,
       flags});
}

// False: there is no room for a value of that name.
bool Mark::start_value(tracer::Text name) {
  const auto bytes = static_cast<uint16_t>(name.bytes);
  if (room() < sizeof(bytes) + bytes + kLeastValueBytes) {
    return false;
  }
  memcpy(bytes_ + used_, &bytes, sizeof(bytes));
  memcpy(bytes_ + used_ + sizeof(bytes), name.data, bytes);
  used_ += sizeof(bytes) + bytes;
  return true;
}

void Mark::add(const char* name, PyObject* value) { add(text_of(name), value); }

void Mark::add(tracer::Text name, PyObject* value) {
  if (!start_value(name)) {
    return;
  }
  if (value == nullptr) {
    used_ += put_unbound(bytes_ + used_, room());
    return;
  }
  const size_t simple = put_simple_value(value, bytes_ + used_, room());
  used_ += simple != 0 ? simple : put_value(value, bytes_ + used_, room(), safely_);
}

void Mark::add_pairs(PyObject* values) {
  each_pair(values, [&](PyObject* key, PyObject* value) { add_named(Utf8(key).text(), value); });
}

void Mark::add_named(tracer::Text name, PyObject* value) {
  name = name.bytes != 0 ? name : text_of("?");
  if (!is_secret_name(name)) {
    add(name, value);
  } else if (start_value(name)) {
    used_ += put_redacted(bytes_ + used_, room());
  }
}

bool Mark::add_whole(const char* name, tracer::Text text) {
  const size_t before = used_;
  if (start_value(text_of(name))) {
    ValueWriter writer(bytes_ + used_, room());
    if (writer.tag(ValueTag::kStr) && writer.number(static_cast<uint32_t>(text.bytes)) &&
        writer.text(text)) {
      used_ += writer.bytes();
      return true;
    }
  }
  used_ = before;
  return false;
}

void Mark::add_all(const char* name, PyObject* const* values, PySize count) {
  if (count == 1) {
    add(name, values[0]);
  } else if (start_value(text_of(name))) {
    used_ += put_values(values, count, bytes_ + used_, room(), safely_);
  }
}

void Mark::add_text(const char* name, tracer::Text text) {
  if (start_value(text_of(name))) {
    used_ += put_text(text, bytes_ + used_, room());
  }
}

void Mark::add_number(const char* name, int64_t number) {
  if (start_value(text_of(name))) {
    used_ += put_number(number, bytes_ + used_, room());
  }
}

void Mark::add_real(const char* name, double number) {
  if (start_value(text_of(name))) {
    ValueWriter writer(bytes_ + used_, room());
    (void)(writer.tag(ValueTag::kFloat) && writer.number(number));
    used_ += writer.bytes();
  }
}

void Mark::add_redacted(tracer::Text name) {
  if (start_value(name)) {
    used_ += put_redacted(bytes_ + used_, room());
  }
}

void Mark::record(tracer::ThreadState* thread, MarkKind kind, uint32_t name, uint64_t ticks) {
  record_as(
      thread, kind == MarkKind::kCounter ? NoteKind::kCounter : NoteKind::kInstant, name, ticks);
}

void Mark::record_as(tracer::ThreadState* thread, NoteKind kind, uint32_t name, uint64_t ticks) {
  memcpy(bytes_, &ticks, sizeof(ticks));
  tracer::record_note(thread, kind, name, bytes_, used_);
}

void Mark::record_for_call(tracer::ThreadState* thread,
                           uint32_t name,
                           uint64_t ticks,
                           uint32_t function) {
  memcpy(bytes_ + used_, &function, sizeof(function));
  used_ += sizeof(function);
  record_as(thread, NoteKind::kCallValue, name, ticks);
}

}  // namespace vtn::runtime

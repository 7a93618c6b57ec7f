// SPDX-License-Identifier: Apache-2.0
#include "runtime/known/otel_spans.h"

#include <string.h>

#include "runtime/known/wall_times.h"
#include "runtime/marks/made_names.h"
#include "runtime/marks/marks.h"
#include "runtime/python/text.h"
#include "runtime/values/objects.h"
#include "tracer/clock.h"

namespace vtn::runtime {

namespace {

constexpr size_t kTraceIdDigits = 32;
constexpr size_t kSpanIdDigits = 16;
// Of a SpanContext, a tuple.
enum ContextItem : PySize { kTraceId = 0, kSpanId = 1 };

constexpr char kEventCategory[] = "span event";

bool is_none(const PyRef& value) { return value && value.get() == g_python._Py_NoneStruct; }

bool is_int(const PyRef& value) { return value && type_of(value.get()) == g_python.PyLong_Type; }

// Nanoseconds of the wall clock. False: it is none.
bool wall_ns_of(PyObject* object, const char* attribute, int64_t* ns) {
  const PyRef value = plain_attribute(object, attribute);
  int overflow = 0;
  *ns = is_int(value) ? g_python.PyLong_AsLongLongAndOverflow(value.get(), &overflow) : 0;
  return is_int(value) && overflow == 0;
}

bool is_a_tuple(PyObject* value) {
  return g_python.PyType_IsSubtype(type_of(value), g_python.PyTuple_Type) != 0;
}

// As OpenTelemetry itself writes ids: so many digits in base 16.
void add_id(Mark* mark, const char* name, PyObject* context, ContextItem item, size_t digits) {
  if (context == nullptr || !is_a_tuple(context) || g_python.PyTuple_Size(context) <= item) {
    return;
  }
  PyObject* const number = g_python.PyTuple_GetItem(context, item);
  if (type_of(number) != g_python.PyLong_Type) {
    return;
  }
  const PyRef hex = PyRef::steal(g_python.PyNumber_ToBase(number, 16));
  const Utf8 text(hex.get());
  constexpr size_t kPrefix = 2;  // 0x
  if (text.text().bytes <= kPrefix || text.text().bytes - kPrefix > digits) {
    return;
  }
  char id[kTraceIdDigits];
  const size_t given = text.text().bytes - kPrefix;
  memset(id, '0', digits - given);
  memcpy(id + digits - given, text.text().data + kPrefix, given);
  mark->add_text(name, {id, digits});
}

// The name of an enum's member, unless it is the one that goes without saying.
void add_member(Mark* mark, const char* name, const PyRef& member, const char* unsaid) {
  const PyRef text = member ? plain_attribute(member.get(), "_name_") : PyRef();
  if (text && type_of(text.get()) == g_python.PyUnicode_Type && !Utf8(text.get()).equals(unsaid)) {
    mark->add_text(name, Utf8(text.get()).text());
  }
}

// BoundedAttributes, or BoundedDict before 1.1: a mapping round a dict.
void add_attributes(Mark* mark, PyObject* holder) {
  const PyRef attributes = plain_attribute(holder, "_attributes");
  const PyRef items = attributes ? plain_attribute(attributes.get(), "_dict") : PyRef();
  if (items && g_python.PyType_IsSubtype(type_of(items.get()), g_python.PyDict_Type) != 0) {
    mark->add_pairs(items.get());
  }
}

}  // namespace

bool otel_span_is_open(const KnownCall& call) {
  const PyRef start = plain_attribute(call.first, "_start_time");
  return is_int(start) && is_none(plain_attribute(call.first, "_end_time"));
}

void tell_otel_span(const KnownCall& call) {
  PyObject* const span = call.first;
  int64_t start_ns = 0;
  int64_t end_ns = 0;
  if (!wall_ns_of(span, "_start_time", &start_ns) || !wall_ns_of(span, "_end_time", &end_ns)) {
    return;
  }
  const WallTimes times;
  bool start_is_exact = false;
  bool end_is_exact = false;
  const uint64_t begin = times.ticks_of(start_ns, &start_is_exact);
  const uint64_t end = times.ticks_of(end_ns, &end_is_exact);

  const PyRef own_name = plain_attribute(span, "_name");
  const Utf8 own_text(own_name.get());
  const bool named = library_may_name(own_text.text());
  tracer::ensure_process();
  const uint32_t id =
      tracer::intern_function({FunctionKind::kSpan, named ? own_text.text() : text_of("span")});

  Mark mark(/*safely=*/true);
  mark.add_span_length(begin, end);
  if (!named) {
    mark.add("name", own_name.get());
  }
  const PyRef context = plain_attribute(span, "_context");
  const PyRef parent = plain_attribute(span, "_parent");
  add_id(&mark, "trace_id", context.get(), kTraceId, kTraceIdDigits);
  add_id(&mark, "span_id", context.get(), kSpanId, kSpanIdDigits);
  add_id(&mark, "parent_id", parent.get(), kSpanId, kSpanIdDigits);
  add_member(&mark, "span.kind", plain_attribute(span, "_kind"), "INTERNAL");
  if (const PyRef status = plain_attribute(span, "_status")) {
    add_member(&mark, "otel.status_code", plain_attribute(status.get(), "_status_code"), "UNSET");
    const PyRef description = plain_attribute(status.get(), "_description");
    if (description && !is_none(description)) {
      mark.add("otel.status_description", description.get());
    }
  }
  if (!start_is_exact || !end_is_exact) {
    mark.add_number("start_time", start_ns);
    mark.add_number("end_time", end_ns);
  }
  if (const PyRef scope = plain_attribute(span, "_instrumentation_scope"); scope) {
    if (const PyRef scope_name = plain_attribute(scope.get(), "_name"); scope_name) {
      mark.add("otel.scope.name", scope_name.get());
    }
  }
  add_attributes(&mark, span);
  mark.record_as(call.thread, NoteKind::kSpan, id, begin);
}

bool tell_otel_event(const KnownCall& call) {
  if (call.second == nullptr || !is_none(plain_attribute(call.first, "_end_time"))) {
    return false;
  }
  const PyRef own_name = plain_attribute(call.second, "_name");
  const Utf8 own_text(own_name.get());
  if (own_text.text().bytes == 0) {
    return false;
  }
  const bool named = library_may_name(own_text.text());
  Mark mark(/*safely=*/true);
  if (!named) {
    mark.add("name", own_name.get());
  }
  const PyRef context = plain_attribute(call.first, "_context");
  add_id(&mark, "span_id", context.get(), kSpanId, kSpanIdDigits);
  add_attributes(&mark, call.second);
  mark.record(
      call.thread,
      MarkKind::kInstant,
      mark_name(
          MarkKind::kInstant, named ? own_text.text() : text_of("event"), text_of(kEventCategory)),
      call.open->begin_ticks);
  return false;
}

}  // namespace vtn::runtime

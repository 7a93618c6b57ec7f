// SPDX-License-Identifier: Apache-2.0
#include "runtime/marks/audits.h"

#include "runtime/capture/control.h"
#include "runtime/capture/thread_part.h"
#include "runtime/entry/interpreters.h"
#include "runtime/entry/process.h"
#include "runtime/filters/expressions.h"
#include "runtime/marks/marks.h"
#include "runtime/python/text.h"
#include "tracer/clock.h"

namespace vtn::runtime {

namespace {

// What was found out of an event's name, by a hash of it: under the GIL of the main interpreter.
struct KnownEvent {
  uint64_t hash;
  uint64_t epoch;
  uint32_t name;  // of its marks; kIdNone: it is not wanted
};
constexpr size_t kKnownEvents = 256;

struct {
  bool all;
  bool some;
  KnownEvent known[kKnownEvents];
} g_audits;

bool matches(tracer::Text event) {
  return g_audits.all || meets_expression(VTN_SETTING_LOG_AUDIT, event);
}

uint32_t name_of(const char* event) {
  const tracer::Text text = text_of(event);
  const uint64_t hash = tracer::hash_text(text, 0);
  KnownEvent& known = g_audits.known[hash % kKnownEvents];
  tracer::ensure_process();
  if (current_interpreter() != g_python.PyInterpreterState_Main()) {
    return matches(text) ? mark_name(MarkKind::kInstant, text, text_of("audit"))
                         : uint32_t{kIdNone};
  }
  if (known.hash != hash || known.epoch != tracer::g_engine.epoch) {
    known = {hash,
             tracer::g_engine.epoch,
             matches(text) ? mark_name(MarkKind::kInstant, text, text_of("audit")) : kIdNone};
  }
  return known.name;
}

}  // namespace

void start_audits() {
  start_expressions();
  g_audits.all = session_option(kOptionLogAudit);
  g_audits.some = has_expression(VTN_SETTING_LOG_AUDIT, VTN_SETTING_LOG_AUDIT);
}

bool audits_wanted() { return g_audits.all || g_audits.some; }

void tell_audit(const char* event, PyObject* arguments) {
  if (g_recording_clock == kPausedClock) {
    return;
  }
  tracer::ThreadState* const thread = tracer::current_thread();
  uint32_t* const muted = &part_of(thread)->muted;
  const uint32_t name = *muted == 0 ? name_of(event) : uint32_t{kIdNone};
  if (name == kIdNone) {
    return;
  }
  const KeepErrno keep_errno;
  const PendingException pending;
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  ++*muted;  // what is audited from here on is the recorder's
  Mark mark(/*safely=*/true);
  mark.add("args", arguments);
  --*muted;
  mark.record(thread, MarkKind::kInstant, name, ticks);
  g_python.PyErr_Clear();
}

}  // namespace vtn::runtime

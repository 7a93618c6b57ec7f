// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/control.h"

#include "abi/runtime_abi.h"
#include "runtime/capture/backends.h"
#include "runtime/capture/open_stack.h"
#include "runtime/capture/thread_part.h"
#include "runtime/entry/interpreters.h"
#include "runtime/entry/process.h"
#include "runtime/python/text.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

ClockKind g_recording_clock = kPausedClock;

namespace {

struct {
  bool stopped;
  uint32_t pauses;  // there have been
} g_control;

void close_calls(tracer::ThreadState* thread, void*) {
  if (thread->registered != 0 && thread->in_use != 0) {
    part_of(thread)->pauses_seen = g_control.pauses;
    if (thread->cursor != nullptr) {
      tracer::record_gap(thread, GapReason::kPaused);
      stack_was_closed(thread);
    }
  }
}

// The calls that are open in each thread end now. Nobody else records: that takes the GIL. With
// interpreters that have a GIL each, every thread draws its gap itself, later.
void close_all_calls() {
  if (others_may_record()) {
    note_pause(tracer::current_thread());
  } else {
    tracer::visit_threads(close_calls, nullptr);
  }
}

}  // namespace

void note_pause(tracer::ThreadState* thread) {
  if (part_of(thread)->pauses_seen != g_control.pauses) {
    part_of(thread)->pauses_seen = g_control.pauses;
    tracer::record_gap(thread, GapReason::kPaused);
    stack_was_closed(thread);
  }
}

void pause_recording() {
  if (g_recording_clock == kPausedClock) {
    return;
  }
  ++g_control.pauses;
  g_recording_clock = kPausedClock;
  pause_eval_frame();
}

void resume_recording() {
  if (!g_control.stopped) {
    open_stacks_from_now_on(false);
    g_recording_clock = tracer::g_engine.clock;
    resume_eval_frame();
  }
}

void stop_recording() {
  if (g_control.stopped) {
    return;
  }
  const KeepErrno keep_errno;
  const PendingException pending;
  pause_recording();
  g_control.stopped = true;
  follow_started(false);
  tracer::ensure_process();
  close_all_calls();
  uninstall_backend();
  g_python.PyErr_Clear();
}

void forget_recording() {
  g_recording_clock = kPausedClock;
  g_control = {};
}

bool recording_is_stopped() { return g_control.stopped; }

bool start_recording() {
  if (!g_control.stopped) {
    return true;
  }
  const KeepErrno keep_errno;
  const PendingException pending;
  const bool installed = install_backend();
  g_python.PyErr_Clear();
  if (installed) {
    g_control.stopped = false;
    resume_recording();
    open_stacks_of_others();
    follow_started(true);
  }
  return installed;
}

}  // namespace vtn::runtime

extern "C" __attribute__((visibility("default"))) int vtn_runtime_control(int what) {
  switch (what) {
    case VTN_CONTROL_PAUSE:
      vtn::runtime::pause_recording();
      return 0;
    case VTN_CONTROL_RESUME:
      vtn::runtime::resume_recording();
      return 0;
    case VTN_CONTROL_STOP:
      vtn::runtime::stop_recording();
      return 0;
    case VTN_CONTROL_START:
      return vtn::runtime::start_recording() ? 0 : 1;
    default:
      return -1;
  }
}

// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. The PEP 523 backend: 3.11, when C functions are not wanted. There the profile function
// makes every instruction leave its fast path (+85 ns a call); an evaluation function costs 17.
//
// It puts Python calls on the C stack, so it is guarded: with less than kStackReserveBytes of the
// thread's stack left, the default evaluator runs that frame and all it calls, and the gap is
// drawn.
#include <sys/syscall.h>

#include "base/freestanding/syscalls.h"
#include "runtime/capture/backends.h"
#include "runtime/capture/caller_lines.h"
#include "runtime/capture/control.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/instruction_trace.h"
#include "runtime/capture/open_stack.h"
#include "runtime/capture/stack_bounds.h"
#include "runtime/capture/thread_part.h"
#include "runtime/entry/interpreters.h"
#include "runtime/entry/process.h"
#include "runtime/known/known_functions.h"
#include "runtime/marks/exceptions.h"
#include "runtime/python/versions.h"
#include "runtime/variables/variables.h"
#include "runtime/variables/wishes.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

namespace {

constexpr uintptr_t kStackReserveBytes = 256 * 1024;
constexpr uintptr_t kNoLimit = 1;

struct {
  bool checked;  // where a frame's code lies
  bool ready;    // that, and recording is not paused
  bool installed;
  bool watching;  // beside the profile function
  bool with_bindings;
  bool replaced;              // by somebody else's, beside the profile function
  bool with_lines;            // of callers
  bool guarded;               // some frame runs under the default evaluator
  uint32_t guards;            // how often that was so
  PyEvalFunction* main_slot;  // where the main interpreter keeps its evaluator; null: not found
} g_eval;

PyObject* evaluate(PyThread* state, void* frame, int throwing);
PyObject* watch(PyThread* state, void* frame, int throwing);

// Lowest address at which a frame may still start under our evaluator; kNoLimit: not known.
uintptr_t stack_limit() {
  const uintptr_t low = lowest_of_stack();
  return low == 0 ? kNoLimit : low + kStackReserveBytes;
}

// 3.11 keeps the main interpreter within _PyRuntime: of its words, the one that is our function.
PyEvalFunction* find_slot(PyInterp* interpreter) {
  const auto runtime = reinterpret_cast<uintptr_t>(g_python._PyRuntime);
  const auto begin = reinterpret_cast<uintptr_t>(interpreter);
  const uintptr_t end = runtime + g_python.runtime_state_bytes;
  if (begin < runtime || begin >= end) {
    return nullptr;
  }
  for (uintptr_t at = begin; at + sizeof(uintptr_t) <= end; at += sizeof(uintptr_t)) {
    auto* slot = reinterpret_cast<PyEvalFunction*>(at);
    if (*slot == evaluate) {
      return slot;
    }
  }
  return nullptr;
}

// Ours is taken out of every interpreter that has it.
void take_out() {
  const PyEvalFunction ours = g_eval.watching ? watch : evaluate;
  g_eval.installed = false;
  g_eval.watching = false;
  g_eval.main_slot = nullptr;
  for (PyInterp* interpreter = g_python.PyInterpreterState_Head(); interpreter != nullptr;
       interpreter = g_python.PyInterpreterState_Next(interpreter)) {
    if (g_python._PyInterpreterState_GetEvalFrameFunc(interpreter) == ours) {
      g_python._PyInterpreterState_SetEvalFrameFunc(interpreter, g_python._PyEval_EvalFrameDefault);
    }
  }
}

void change_to_profile() {
  take_out();
  (void)install_profile(false);
}

[[gnu::noinline, gnu::cold]] PyObject* run_guarded(tracer::ThreadState* thread,
                                                   PyThread* state,
                                                   void* frame,
                                                   int throwing) {
  if (!g_eval.watching) {
    tracer::record_gap(thread, GapReason::kStackGuard);
  }
  PyInterp* interpreter = g_python.PyThreadState_GetInterpreter(state);
  g_python._PyInterpreterState_SetEvalFrameFunc(interpreter, g_python._PyEval_EvalFrameDefault);
  g_eval.guarded = true;
  ++g_eval.guards;
  if (g_eval.with_bindings) {
    trace_without_evaluator();
  }
  PyObject* result = g_python._PyEval_EvalFrameDefault(state, frame, throwing);
  g_eval.guarded = false;
  if (g_eval.with_bindings) {
    trace_by_evaluator();
    look_at_running_frame(state);
  }
  if (!g_eval.installed && !g_eval.watching) {
    return result;  // recording was stopped meanwhile
  }
  g_python._PyInterpreterState_SetEvalFrameFunc(interpreter, g_eval.watching ? watch : evaluate);
  if (g_eval.watching) {
    return result;
  }
  thread = tracer::current_thread();
  part_of(thread)->guards_seen = g_eval.guards;
  tracer::record_gap(thread, GapReason::kStackGuard);
  return result;
}

// The frame of a code whose ids are known runs, and what it does is recorded.
[[gnu::always_inline]] inline PyObject* evaluate_code(tracer::ThreadState* thread,
                                                      PyThread* state,
                                                      void* frame,
                                                      int throwing,
                                                      PyObject* code,
                                                      const CodeIds& ids,
                                                      bool resumed) {
  if (__builtin_expect(ids.id == kIdHidden, 0)) {
    if ((values_of(thread, code) & kIsLogged) != 0 && !resumed) {
      log_begin(thread, code);  // --log_sparse
    }
    return g_python._PyEval_EvalFrameDefault(state, frame, throwing);
  }
  const uint32_t id = resumed ? ids.resumed_id : ids.id;
  const uint64_t epoch = tracer::g_engine.epoch;
  open_stack_before_notes(thread, id);
  if (__builtin_expect(g_eval.with_lines, 0)) {
    note_caller_line(thread, id, code, Callee::kToCome);
  }
  const uint16_t values = values_of(thread, code);
  if (__builtin_expect((values & kItsArguments) != 0 && !resumed, 0)) {
    note_arguments(thread, code, frame, values);
  }
  tracer::record_enter(thread, id);
  if (__builtin_expect((values & kIsLogged) != 0 && !resumed, 0)) {
    log_begin(thread, code);
  }
  PyObject* result = g_python._PyEval_EvalFrameDefault(state, frame, throwing);
  if (__builtin_expect(!g_eval.ready, 0)) {
    return result;  // paused or stopped meanwhile: a gap has ended the call, or will
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  // The frame may return in a forked child: a process of its own, to which the id says nothing.
  thread = tracer::current_thread();
  if (__builtin_expect(result == nullptr, 0) && exceptions_wanted()) {
    exception_left_frame(thread);
  }
  if (__builtin_expect((values & kItsReturnValue) != 0, 0) && epoch == tracer::g_engine.epoch &&
      (resumed || ids.id == ids.resumed_id)) {
    note_return_value(thread, code, result, values);
  }
  const EventKind kind = result == nullptr ? EventKind::kUnwind : EventKind::kLeave;
  tracer::record_at(thread, ticks, kind, epoch == tracer::g_engine.epoch ? id : kIdAnyPython);
  if (__builtin_expect(g_eval.main_slot != nullptr && *g_eval.main_slot != evaluate, 0)) {
    check_eval_frame();
  }
  return result;
}

// A call of a known function, which begins. Its frame is gone when it has ended.
[[gnu::noinline, gnu::cold]] PyObject* evaluate_known(
    tracer::ThreadState* thread, PyThread* state, void* frame, int throwing, uint8_t known) {
  PyObject* const code = field<PyObject*>(frame, kInnerFrameCode);
  const PyRef first = argument_of_running(code, frame, 0);
  known_call_begins(thread, code, known, frame);
  PyObject* const result =
      evaluate_code(thread, state, frame, throwing, code, code_ids(thread, code), false);
  if (first && g_eval.ready) {
    known_call_has_ended(tracer::current_thread(), known, first.get());
  }
  return result;
}

PyObject* evaluate(PyThread* state, void* frame, int throwing) {
  if (kDoNothing) {
    return g_python._PyEval_EvalFrameDefault(state, frame, throwing);
  }
  tracer::ThreadState* thread = tracer::current_thread();
  PyObject* const code = field<PyObject*>(frame, kInnerFrameCode);
  if (__builtin_expect(!g_eval.ready, 0)) {
    if (g_recording_clock == kPausedClock) {
      note_pause(thread);
      return g_python._PyEval_EvalFrameDefault(state, frame, throwing);
    }
    PyObject* function = field<PyObject*>(frame, kInnerFrameFunction);
    g_eval.checked = g_eval.ready = true;
    if (type_of(function) != g_python.PyFunction_Type ||
        g_python.PyFunction_GetCode(function) != code) {
      change_to_profile();
      return g_python._PyEval_EvalFrameDefault(state, frame, throwing);
    }
  }
  if (__builtin_expect(part_of(thread)->stack_limit == 0, 0)) {
    part_of(thread)->stack_limit = stack_limit();
    part_of(thread)->guards_seen = g_eval.guards;
  }
  if (__builtin_expect(part_of(thread)->guards_seen != g_eval.guards, 0)) {
    // What this thread called while another was guarded went by us.
    part_of(thread)->guards_seen = g_eval.guards;
    tracer::record_gap(thread, GapReason::kStackGuard);
  }
  if (__builtin_expect(part_of(thread)->muted != 0, 0)) {
    return g_python._PyEval_EvalFrameDefault(state, frame, throwing);
  }
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  if (__builtin_expect(here < part_of(thread)->stack_limit, 0)) {
    return run_guarded(thread, state, frame, throwing);
  }
  // The function that makes a generator is called; the frame that the generator then has goes on.
  const CodeIds ids = code_ids(thread, code, field<PyObject*>(frame, kInnerFrameGlobals));
  const bool resumed = field<unsigned char>(frame, kInnerFrameOwner) == kOwnerGenerator;
  if (const uint8_t known = resumed ? uint8_t{0} : known_function_of(thread, code);
      __builtin_expect(known != 0, 0)) {
    return evaluate_known(thread, state, frame, throwing, known);
  }
  return evaluate_code(thread, state, frame, throwing, code, ids, resumed);
}

// Beside the profile function, which is not told of exceptions and instructions: records no calls.
PyObject* watch(PyThread* state, void* frame, int throwing) {
  tracer::ThreadState* const thread = tracer::current_thread();
  if (__builtin_expect(part_of(thread)->stack_limit == 0, 0)) {
    part_of(thread)->stack_limit = stack_limit();
  }
  if (reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) < part_of(thread)->stack_limit) {
    return run_guarded(thread, state, frame, throwing);
  }
  if (g_eval.with_bindings) {
    frame_is_to_run(state, frame);
  }
  PyObject* const result = g_python._PyEval_EvalFrameDefault(state, frame, throwing);
  if (g_eval.with_bindings) {
    look_at_running_frame(state);
  }
  if (exceptions_wanted() && result == nullptr && g_recording_clock != kPausedClock &&
      part_of(thread)->muted == 0) {
    exception_left_frame(tracer::current_thread());  // perhaps of a forked child by now
  }
  return result;
}

// False: another one is there.
bool put_in_place(PyEvalFunction function) {
  PyInterp* const interpreter = current_interpreter();
  if (g_python._PyInterpreterState_GetEvalFrameFunc == nullptr ||
      g_python._PyInterpreterState_SetEvalFrameFunc == nullptr ||
      g_python._PyEval_EvalFrameDefault == nullptr ||
      g_python._PyInterpreterState_GetEvalFrameFunc(interpreter) !=
          g_python._PyEval_EvalFrameDefault) {
    return false;
  }
  g_python._PyInterpreterState_SetEvalFrameFunc(interpreter, function);
  return true;
}

}  // namespace

bool install_eval_frame() {
  PyInterp* const interpreter = current_interpreter();
  if (!put_in_place(evaluate)) {
    return false;
  }
  g_eval.installed = true;
  g_eval.with_lines = caller_lines_wanted();
  if (interpreter == g_python.PyInterpreterState_Main()) {
    g_eval.main_slot = find_slot(interpreter);
  }
  return true;
}

bool eval_frame_installed() { return g_eval.installed; }

void watch_frames() {
  const bool bindings = bindings_wanted() && !has_monitoring(g_python.minor);
  if ((!exceptions_wanted() && !bindings) || g_eval.installed) {
    return;
  }
  const bool put = put_in_place(watch);
  g_eval.watching = put || g_eval.watching;
  g_eval.with_bindings = bindings;
  g_eval.replaced = false;
  if (bindings && !put) {
    trace_without_evaluator();
  }
}

void uninstall_eval_frame() {
  if (g_eval.installed || g_eval.watching) {
    take_out();
  }
}

void pause_eval_frame() { g_eval.ready = false; }

void resume_eval_frame() { g_eval.ready = g_eval.checked; }

void check_eval_frame() {
  if (g_eval.watching && g_eval.with_bindings && !g_eval.guarded && !g_eval.replaced &&
      g_python._PyInterpreterState_GetEvalFrameFunc(g_python.PyInterpreterState_Main()) != watch) {
    g_eval.replaced = true;
    trace_without_evaluator();
    tell_part_untold(UntoldPart::kEvaluated);
  }
  if (!g_eval.installed || g_eval.guarded ||
      g_python._PyInterpreterState_GetEvalFrameFunc(g_python.PyInterpreterState_Main()) ==
          evaluate) {
    return;
  }
  const PendingException pending;
  tracer::record_gap(tracer::current_thread(), GapReason::kOtherEvaluator);
  change_to_profile();
  g_python.PyErr_Clear();
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of runs with --log_var and its like on 3.10 and 3.11.
#include "runtime/capture/instruction_trace.h"

#include "runtime/capture/control.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/thread_part.h"
#include "runtime/python/frames.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "runtime/variables/plans.h"
#include "runtime/variables/variables.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

uint32_t g_traces_without_evaluator;

namespace {

// As CPython numbers what a trace function is called for, in <cpython/pystate.h>.
enum TraceEvent {
  kBegins = 0,
  kLine = 2,
  kEnds = 3,
  kOpcode = 7,
};

constexpr char kOurs = 2;  // what CPython and the program store there is 0 or 1
constexpr uint32_t kTrials = 16;
constexpr uint32_t kMostUnheard = 64;

struct {
  PySize offset;  // of c_tracefunc in a thread state; 0: nothing is traced
  PySize code_start;
  TraceLayout layout;
  uint32_t trials;
  bool known;        // which frame runs: the first event of a begin said so
  uint32_t unheard;  // frames before that, of which none came
  // The code of which something was found last, of which we are told when it dies; what that was,
  // and in which process.
  const PyObject* code;
  CodePlan* plan;
  uint64_t epoch;
} g_trace;

int on_trace(PyObject*, PyFrame* object, int what, PyObject*);
void look_at(PyThread* state, const void* frame, bool may_ask);

PyProfileFunction* function_of(PyThread* state) {
  return reinterpret_cast<PyProfileFunction*>(reinterpret_cast<char*>(state) + g_trace.offset);
}

// Where there is neither, CPython asks for no function.
bool thread_is_profiled(PyThread* state) {
  return field<const void*>(state, g_trace.offset - static_cast<PySize>(sizeof(void*))) != nullptr;
}

int functions_that_run(const PyThread* state) {
  return field<int>(state, g_trace.offset + g_trace.layout.tracing);
}

char* asks_for_opcodes(PyFrame* object) {
  return reinterpret_cast<char*>(object) + g_trace.layout.trace_opcodes;
}

void take_back(PyFrame* object) {
  if (char* const asks = asks_for_opcodes(object); *asks == kOurs) {
    *asks = 0;
  }
}

PyObject* code_of(const void* frame) {
  return field<PyObject*>(frame, frame_layout(g_python.minor).code);
}

// The frame that runs in the thread, as the interpreter has it; null: none.
const void* running_frame(const PyThread* state) {
  return g_chain.previous != 0
             ? current_frame(state)
             : field<const void*>(state, g_trace.offset + g_trace.layout.frame_of_thread);
}

// Its object; null: it has none so far.
PyFrame* object_of(const void* frame) {
  return g_chain.previous != 0 ? field<PyFrame*>(frame, g_trace.layout.object)
                               : const_cast<PyFrame*>(static_cast<const PyFrame*>(frame));
}

// Of the frame that runs; null: there is none, or it is not known yet.
const void* caller_of_running(const PyThread* state) {
  const void* const frame = g_trace.offset != 0 && g_trace.known ? running_frame(state) : nullptr;
  return frame == nullptr ? nullptr : field<const void*>(frame, g_trace.layout.caller);
}

CodePlan* find_plan(tracer::ThreadState* thread, PyObject* code, PyObject* globals) {
  (void)code_ids(thread, code, globals);
  CodePlan* const plan =
      (values_of(thread, code) & kIsLogged) != 0 ? plan_of(thread, code) : nullptr;
  return plan != nullptr && (plan->store_count != 0 || plan->point_count != 0) ? plan : nullptr;
}

// What is to be told of the code in this thread; null: nothing.
CodePlan* wanted_of(tracer::ThreadState* thread, PyObject* code, PyObject* globals) {
  const ThreadPart* const part = part_of(thread);
  if (part->profile_paused != 0 || part->muted != 0) {
    return nullptr;
  }
  if (g_trace.code == code && g_trace.epoch == tracer::g_engine.epoch) {
    return g_trace.plan;
  }
  CodePlan* const plan = find_plan(thread, code, globals);
  if (plan != nullptr) {
    g_trace.code = code;
    g_trace.plan = plan;
    g_trace.epoch = tracer::g_engine.epoch;
  }
  return plan;
}

void stop_for_good(const char* why) {
  tell_variables_untold(why);
  stop_instruction_trace();
}

// Whether an attribute of a frame object reads as that byte has it.
bool reads_as(PyFrame* object, const char* name, intptr_t place) {
  const PyRef value =
      PyRef::steal(g_python.PyObject_GetAttrString(reinterpret_cast<PyObject*>(object), name));
  return value && g_python.PyLong_AsLong(value.get()) == (field<char>(object, place) != 0 ? 1 : 0);
}

bool fields_are_as_known(PyFrame* object) {
  const PendingException pending;
  const bool known = reads_as(object, "f_trace_lines", g_trace.layout.trace_lines) &&
                     reads_as(object, "f_trace_opcodes", g_trace.layout.trace_opcodes);
  g_python.PyErr_Clear();
  return known;
}

// The frame runs under our trace function.
void ask_for_opcodes(PyFrame* object) {
  char* const asks = asks_for_opcodes(object);
  if (*asks != 0) {
    return;
  }
  const bool on_trial = g_trace.trials != 0;
  if (on_trial && !fields_are_as_known(object)) {
    stop_for_good("frames are not laid out as expected");
    return;
  }
  *asks = kOurs;
  if (on_trial && !fields_are_as_known(object)) {
    *asks = 0;
    stop_for_good("frames are not laid out as expected");
  }
}

uint32_t instruction_offset(const void* frame, const PyObject* code) {
  const intptr_t place = g_trace.layout.instruction;
  if (g_chain.previous == 0) {
    return 2 * field<uint32_t>(frame, place);
  }
  return static_cast<uint32_t>(field<uintptr_t>(frame, place) - reinterpret_cast<uintptr_t>(code) -
                               static_cast<uintptr_t>(g_trace.code_start));
}

bool offset_is_right(PyFrame* object, uint32_t offset) {
  const PendingException pending;
  const PyRef value =
      PyRef::steal(g_python.PyObject_GetAttrString(reinterpret_cast<PyObject*>(object), "f_lasti"));
  const bool right = value && g_python.PyLong_AsLong(value.get()) == static_cast<long>(offset);
  g_python.PyErr_Clear();
  return right;
}

void pass_opcode(PyFrame* object) {
  if (__builtin_expect(g_recording_clock == kPausedClock, 0)) {
    return;
  }
  const KeepErrno keep_errno;
  tracer::ThreadState* const thread = tracer::current_thread();
  const void* const frame = frame_of_object(object);
  PyObject* const code = code_of(frame);
  CodePlan* const plan = wanted_of(thread, code, nullptr);
  if (plan == nullptr) {
    look_at_running_frame(current_thread_state());
    return;
  }
  const uint32_t offset = instruction_offset(frame, code);
  if (__builtin_expect(g_trace.trials != 0, 0)) {
    --g_trace.trials;
    if (!offset_is_right(object, offset)) {
      stop_for_good("frames are not laid out as expected");
      return;
    }
  }
  (void)pass_instruction(thread, plan, frame, offset);
  if (*asks_for_opcodes(object) != kOurs) {  // code of the program's ran for a value or comment
    look_at(current_thread_state(), frame, /*may_ask=*/true);
  }
}

// Whether it is known which frame runs. The first event says so.
bool is_known(PyFrame* object) {
  if (g_trace.known) {
    return true;
  }
  const PyThread* const state = current_thread_state();
  if (running_frame(state) != frame_of_object(object) || functions_that_run(state) != 1) {
    stop_for_good("threads are not laid out as expected");
    return false;
  }
  g_trace.known = true;
  return true;
}

int on_trace(PyObject*, PyFrame* object, int what, PyObject*) {
  if (g_trace.offset == 0 || !is_known(object)) {
    return 0;
  }
  switch (what) {
    case kBegins:
    case kLine:
      if (*asks_for_opcodes(object) != kOurs) {
        look_at(current_thread_state(), frame_of_object(object), /*may_ask=*/true);
      }
      break;
    case kEnds:
      take_back(object);
      break;
    case kOpcode:
      pass_opcode(object);
      break;
    default:
      break;
  }
  return 0;
}

void visit_threads(void (*visit)(PyThread*)) {
  for (PyInterp* interpreter = g_python.PyInterpreterState_Head(); interpreter != nullptr;
       interpreter = g_python.PyInterpreterState_Next(interpreter)) {
    for (PyThread* state = g_python.PyInterpreterState_ThreadHead(interpreter); state != nullptr;
         state = g_python.PyThreadState_Next(state)) {
      visit(state);
    }
  }
}

void clear_thread(PyThread* state) {
  if (*function_of(state) != on_trace) {
    return;
  }
  *function_of(state) = nullptr;
  const void* const frame = g_trace.known ? running_frame(state) : nullptr;
  PyFrame* const object = frame == nullptr ? nullptr : object_of(frame);
  if (object != nullptr) {
    take_back(object);
  }
}

// The frame is the one that runs, or will next. `may_ask`: not within an event of another trace
// function, which CPython would tell of the opcode next.
void look_at(PyThread* state, const void* frame, bool may_ask) {
  if (g_trace.offset == 0) {
    return;
  }
  PyProfileFunction* const function = function_of(state);
  const bool stays = g_traces_without_evaluator != 0 && thread_is_profiled(state);
  if (stays && *function == nullptr) {
    *function = on_trace;
  }
  if (!g_trace.known) {
    return;
  }
  if (frame == nullptr) {
    *function = *function == on_trace && !stays ? nullptr : *function;
    return;
  }
  const KeepErrno keep_errno;
  PyFrame* const object = object_of(frame);
  if (wanted_of(tracer::current_thread(), code_of(frame), nullptr) == nullptr) {
    if (!stays) {
      clear_thread(state);
    }
    return;
  }
  if (object == nullptr || !thread_is_profiled(state)) {
    return;  // its begin is still to be told of
  }
  if (*function == nullptr) {
    *function = on_trace;
  }
  if (*function == on_trace) {
    if (may_ask) {
      ask_for_opcodes(object);
    }
  } else {
    take_back(object);
    tell_part_untold(UntoldPart::kTraced);
  }
}

}  // namespace

void start_instruction_trace(PySize profile_offset) {
  if (has_monitoring(g_python.minor)) {
    return;
  }
  const bool known = g_trace.known;
  g_trace = {};
  g_trace.known = known;
  const PyRef start =
      PyRef::steal(g_python.PyObject_GetAttrString(g_python.PyCode_Type, "__basicsize__"));
  g_trace.code_start = start ? g_python.PyLong_AsLong(start.get()) : 0;
  g_python.PyErr_Clear();
  if (profile_offset == 0 || g_trace.code_start <= kHeadBytes) {
    tell_variables_untold("threads are not laid out as expected");
    return;
  }
  g_trace.layout = trace_layout(g_python.minor);
  g_trace.trials = kTrials;
  g_trace.offset = profile_offset + static_cast<PySize>(sizeof(void*));
  look_at_running_frame(current_thread_state());
}

void stop_instruction_trace() {
  if (g_trace.offset != 0) {
    visit_threads(clear_thread);
    g_trace.offset = 0;
    g_traces_without_evaluator = 0;
  }
}

void forget_traced_code(const PyObject* code) {
  if (g_trace.code == code) {
    g_trace.code = nullptr;
  }
}

void trace_without_evaluator() { ++g_traces_without_evaluator; }

void trace_by_evaluator() { g_traces_without_evaluator -= g_traces_without_evaluator != 0 ? 1 : 0; }

void frame_is_to_run(PyThread* state, const void* frame) {
  if (g_trace.offset == 0) {
    return;
  }
  PyObject* const code = code_of(frame);
  auto* const globals = field<PyObject*>(frame, names_of_frame(g_python.minor).globals);
  PyProfileFunction* const function = function_of(state);
  if (*function == on_trace) {
    clear_thread(state);
  }
  if (g_recording_clock == kPausedClock || !thread_is_profiled(state)) {
    return;
  }
  const KeepErrno keep_errno;
  tracer::ThreadState* const thread = tracer::current_thread();
  if (wanted_of(thread, code, globals) == nullptr) {
    return;
  }
  if (*function == nullptr) {
    *function = on_trace;
    const CodeIds ids = code_ids(thread, code, globals);
    if (!g_trace.known && ids.id == ids.resumed_id && ++g_trace.unheard == kMostUnheard) {
      stop_for_good("the interpreter tells a trace function nothing");
    }
  } else if (*function != on_trace) {
    if (PyFrame* const object = object_of(frame); object != nullptr && g_trace.known) {
      take_back(object);
    }
    tell_part_untold(UntoldPart::kTraced);
  }
}

void look_at_running_frame(PyThread* state) {
  const bool known = g_trace.offset != 0 && g_trace.known;
  look_at(state,
          known ? running_frame(state) : nullptr,
          /*may_ask=*/known && functions_that_run(state) == 0);
}

void pass_begin_of_frame(PyThread* state) {
  const void* const caller = caller_of_running(state);
  if (PyFrame* const object = caller == nullptr ? nullptr : object_of(caller); object != nullptr) {
    take_back(object);
  }
  look_at_running_frame(state);
}

void pass_end_of_frame(PyThread* state) {
  if (const void* const caller = caller_of_running(state); caller != nullptr) {
    look_at(state, caller, /*may_ask=*/true);
  }
}

}  // namespace vtn::runtime

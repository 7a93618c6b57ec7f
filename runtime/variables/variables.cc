// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of runs with --log_var and its like.
#include "runtime/variables/variables.h"

#include "runtime/capture/backends.h"
#include "runtime/capture/control.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/monitoring.h"
#include "runtime/marks/marks.h"
#include "runtime/python/frames.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "runtime/values/values.h"
#include "runtime/variables/comment_marks.h"
#include "runtime/variables/wishes.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

namespace {

enum InstructionArgument { kCode = 0, kOffset = 1 };

constexpr uint32_t kTrials = 32;
constexpr uint32_t kMostTrialEvents = 4096;  // a program may bind nothing that can be compared
// One may come of a finalizer of the value before, which binds the variable as well.
constexpr uint32_t kMostMismatches = 3;
constexpr int64_t kWord = sizeof(void*);

struct {
  bool broken;
  bool function_untold;
  uint32_t parts_untold;  // a bit of each UntoldPart
  uint32_t trials;
  uint32_t trial_events;
  uint32_t mismatches;
  // The value that was about to be bound last: at the next instruction the variable holds it.
  const tracer::ThreadState* thread;
  const void* frame;
  const PyObject* code;
  uint32_t variable;
  uintptr_t word;
} g_variables;

PyObject* no_more_of_it() {
  if (g_switch_off == nullptr || g_variables.trials != 0) {
    return g_python._Py_NoneStruct;  // the next instruction is needed to compare
  }
  g_python.Py_IncRef(g_switch_off);
  return g_switch_off;
}

uintptr_t object_bits(uintptr_t word) { return word & ~kReferenceTags; }

uintptr_t variable_word(const void* frame, uint32_t index) {
  return field<uintptr_t>(frame, frame_variables(g_python.minor) + kWord * index);
}

// The frame that runs the code; null: none that can be read.
const void* frame_of(const PyObject* code) {
  const PyThread* const state = current_thread_state();
  if (g_variables.trials != 0) {
    const PendingException pending;
    if (!find_current_frame(state)) {
      return nullptr;
    }
  }
  const void* const frame = current_frame(state);
  return frame != nullptr && code_of_frame(frame) == code ? frame : nullptr;
}

// Whether what was about to be bound is what the variable holds.
void compare_last(const tracer::ThreadState* thread, const void* frame, const PyObject* code) {
  if (g_variables.frame == nullptr || g_variables.thread != thread) {
    return;
  }
  if (g_variables.frame == frame && g_variables.code == code) {
    if (object_bits(variable_word(frame, g_variables.variable)) == g_variables.word) {
      g_variables.trials -= g_variables.trials != 0 ? 1 : 0;
    } else if (++g_variables.mismatches == kMostMismatches) {
      tell_variables_untold("the stack of frames is not laid out as expected");
    }
  }
  g_variables.frame = nullptr;
}

bool is_secret_key(PyObject* key) {
  return key != nullptr && type_of(key) == g_python.PyUnicode_Type &&
         is_secret_name(Utf8(key).text());
}

// Where a store of a plan is.
struct StorePlace {
  const PyObject* code;
  const void* frame;
  const LoggedStore* store;
};

// `key`: of an item, or null. `place`: of a store, whose comment may have it kept.
void tell(tracer::ThreadState* thread,
          const LoggedName& name,
          PyObject* value,
          PyObject* key,
          bool secret,
          const StorePlace& place) {
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  const auto give = [&](Mark& mark, MarkKind kind, uint32_t id) {
    if (place.store == nullptr || place.store->comment == kNoComment) {
      mark.record(thread, kind, id, ticks);
    } else {
      keep_mark(thread, place.code, place.frame, *place.store, mark, kind, id, ticks);
    }
  };
  const bool counts = name.counter != 0 && !secret && is_number(value);
  if (counts) {
    Mark mark;
    mark.add("", value);
    give(mark, MarkKind::kCounter, name.counter);
  }
  const uint32_t instant = name.instant != 0 ? name.instant : counts ? 0 : name.otherwise;
  if (instant == 0) {
    return;
  }
  Mark mark;
  if (secret) {
    mark.add_redacted("");
  } else {
    mark.add("", value);
  }
  if (key != nullptr) {
    mark.add("key", key);
  }
  give(mark, MarkKind::kInstant, instant);
}

void tell_store(tracer::ThreadState* thread, const uintptr_t* top, const StorePlace& place) {
  const LoggedStore& store = *place.store;
  const auto object_at = [&](uint32_t below) -> PyObject* {
    const uintptr_t word = *(top - below);
    return has_tagged_numbers(g_python.minor) && (word & kTaggedNumber) == kTaggedNumber
               ? nullptr
               : reinterpret_cast<PyObject*>(object_bits(word));
  };
  PyObject* const value = object_at(store.below);
  if (value == nullptr ||
      ((store.flags & kIsEndOfHandler) != 0 && value == g_python._Py_NoneStruct)) {
    return;  // unbinds it
  }
  PyObject* const key = (store.flags & kHasKey) != 0 ? object_at(0) : nullptr;
  const bool secret = (store.flags & kIsSecret) != 0 || is_secret_key(key);
  tell(thread, store.name, value, key, secret, place);
}

// Whether the frame itself has its stack end there, as far as it says.
bool stack_ends_at(const void* frame, const uintptr_t* variables, const uintptr_t* behind) {
  if (has_monitoring(g_python.minor)) {
    const intptr_t pointer = frame_stack_pointer(g_python.minor);
    return pointer == 0 || field<const uintptr_t*>(frame, pointer) == behind;
  }
  const TraceLayout layout = trace_layout(g_python.minor);
  const uintptr_t* const stack =
      layout.stack == 0 ? variables : field<const uintptr_t*>(frame, layout.stack);
  return stack + field<int>(frame, layout.depth) == behind;
}

// Where the top of the stack lies; null: it is not where it should be.
const uintptr_t* top_of_stack(const void* frame, const CodePlan* plan, uint32_t depth) {
  const auto* const base = reinterpret_cast<const uintptr_t*>(static_cast<const char*>(frame) +
                                                              frame_variables(g_python.minor));
  const uintptr_t* const behind = base + plan->variables + depth;
  if (!stack_ends_at(frame, base, behind)) {
    tell_variables_untold("the stack of a frame is not as deep as expected");
    return nullptr;
  }
  return behind - 1;
}

// With --repr all, code of the program's runs for what is told: where that forks, the child makes
// another plan.
void tell_stores(tracer::ThreadState* thread,
                 CodePlan* plan,
                 PyObject* code,
                 const void* frame,
                 uint32_t offset) {
  const LoggedStore* const first = find_store(plan, offset);
  const uintptr_t* const top = first == nullptr ? nullptr : top_of_stack(frame, plan, first->depth);
  if (top == nullptr) {
    return;
  }
  const uint64_t epoch = tracer::g_engine.epoch;
  for (auto index = static_cast<uint32_t>(first - plan->stores());
       plan != nullptr && index < plan->store_count && plan->stores()[index].offset == offset;
       ++index) {
    const LoggedStore store = plan->stores()[index];
    if (g_variables.trials != 0 && (store.flags & kIsFast) != 0) {
      g_variables.thread = thread;
      g_variables.frame = frame;
      g_variables.code = code;
      g_variables.variable = store.variable;
      g_variables.word = object_bits(*(top - store.below));
    }
    tell_store(thread, top, {code, frame, &store});
    thread = tracer::current_thread();
    plan = tracer::g_engine.epoch == epoch ? plan : plan_of(thread, code);
  }
}

}  // namespace

void start_variables() {
  start_wishes();
  g_variables = {};
  g_variables.trials = kTrials;
}

void tell_variables_untold(const char* why) {
  if (!g_variables.broken) {
    g_variables.broken = true;
    g_variables.trials = 0;
    (void)tracer::publish_text(
        NameRecord::kNotice, static_cast<uint32_t>(NoticeKind::kVariablesUntold), text_of(why));
  }
}

void tell_part_untold(UntoldPart part) {
  constexpr const char* kWhy[] = {"while a trace function of the program's own was set",
                                  "of what ran until it was seen that another frame evaluation "
                                  "function had been set"};
  const auto index = static_cast<uint32_t>(part);
  if ((g_variables.parts_untold & 1u << index) != 0) {
    return;
  }
  g_variables.parts_untold |= 1u << index;
  (void)tracer::publish_text(NameRecord::kNotice,
                             static_cast<uint32_t>(NoticeKind::kVariablesUntold),
                             text_of(kWhy[index]));
}

void tell_function_untold(tracer::Text name) {
  if (g_variables.function_untold) {
    return;
  }
  g_variables.function_untold = true;
  constexpr char kWhy[] = "of code that is not understood, such as that of ";
  char text[sizeof(kWhy) + kMaxNameBytes];
  __builtin_memcpy(text, kWhy, sizeof(kWhy) - 1);
  __builtin_memcpy(text + sizeof(kWhy) - 1, name.data, name.bytes);
  (void)tracer::publish_text(NameRecord::kNotice,
                             static_cast<uint32_t>(NoticeKind::kVariablesUntold),
                             {text, sizeof(kWhy) - 1 + name.bytes});
}

PyObject* on_instruction(PyObject*, PyObject* const* arguments, size_t, PyObject*) {
  if (kDoNothing) {
    return g_python._Py_NoneStruct;
  }
  if (__builtin_expect(g_recording_clock == kPausedClock, 0)) {
    g_variables.frame = nullptr;
    return g_python._Py_NoneStruct;
  }
  PyObject* const code = arguments[kCode];
  const KeepErrno keep_errno;
  tracer::ThreadState* thread = tracer::current_thread();
  if (part_of(thread)->muted != 0) {
    return g_python._Py_NoneStruct;
  }
  CodePlan* plan = plan_of(thread, code);
  if (plan == nullptr || g_variables.broken) {
    return no_more_of_it();
  }
  const auto offset = static_cast<uint32_t>(g_python.PyLong_AsLong(arguments[kOffset]));
  return pass_instruction(thread, plan, nullptr, offset) ? g_python._Py_NoneStruct
                                                         : no_more_of_it();
}

bool pass_instruction(tracer::ThreadState* thread,
                      CodePlan* plan,
                      const void* frame,
                      uint32_t offset) {
  PyObject* const code = plan->code;
  if (g_variables.broken) {
    return false;
  }
  if (__builtin_expect(g_variables.trials != 0, 0)) {
    if (++g_variables.trial_events == kMostTrialEvents) {
      g_variables.trials = 0;
    } else {
      frame = frame != nullptr ? frame : frame_of(code);
      compare_last(thread, frame, code);
    }
  }
  const bool has_point = find_point(plan, offset) != nullptr;
  if (!has_point && find_store(plan, offset) == nullptr) {
    return false;
  }
  if (frame == nullptr) {
    frame = frame_of(code);
  }
  if (frame == nullptr || g_variables.broken) {
    return true;
  }
  const PendingException pending;
  if (has_point) {
    plan = pass_points(thread, plan, code, frame, offset);
    thread = tracer::current_thread();
  }
  if (plan != nullptr && !g_variables.broken && g_recording_clock != kPausedClock) {
    tell_stores(thread, plan, code, frame, offset);
  }
  return true;
}

void log_begin(tracer::ThreadState* thread, PyObject* code, const void* frame) {
  const KeepErrno keep_errno;
  const PendingException pending;
  CodePlan* plan = plan_of(thread, code);
  if (plan == nullptr) {
    return;
  }
  if (plan->notes_ways) {
    forget_way(thread, frame != nullptr ? frame : frame_of(code));
  }
  if (plan->entry != 0) {
    Mark mark;
    mark.record(
        thread, MarkKind::kInstant, plan->entry, tracer::read_ticks(tracer::g_engine.clock));
  }
  const uint64_t epoch = tracer::g_engine.epoch;
  for (uint32_t i = 0; plan != nullptr && i < plan->parameter_count; ++i) {
    const LoggedParameter parameter = plan->parameters()[i];
    const PyRef value = argument_of_running(code, frame, parameter.index);
    if (value) {
      tell(thread, parameter.name, value.get(), nullptr, (parameter.flags & kIsSecret) != 0, {});
    }
    thread = tracer::current_thread();
    plan = tracer::g_engine.epoch == epoch ? plan : plan_of(thread, code);
  }
}

}  // namespace vtn::runtime

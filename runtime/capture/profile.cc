// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. The profile-function backend: 3.10, 3.11, and later versions when no tool id is free.
//
// A profile function belongs to a thread: profile_threads.h says how each gets it. The program's
// own profiler wins in its thread (own_profilers.h).
#include "runtime/capture/backends.h"
#include "runtime/capture/c_profilers.h"
#include "runtime/capture/caller_lines.h"
#include "runtime/capture/control.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/instruction_trace.h"
#include "runtime/capture/open_stack.h"
#include "runtime/capture/own_debuggers.h"
#include "runtime/capture/own_profilers.h"
#include "runtime/capture/profile_threads.h"
#include "runtime/filters/filters.h"
#include "runtime/known/known_functions.h"
#include "runtime/python/frames.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "runtime/values/arguments.h"
#include "runtime/variables/variables.h"
#include "runtime/variables/wishes.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

namespace {

// What of a profile event, as CPython's <cpython/pystate.h> numbers them: stable since 2.x.
enum ProfileEvent {
  kCall = 0,
  kReturn = 3,
  kCCall = 4,
  kCException = 5,
  kCReturn = 6,
};

struct {
  bool installed;
  bool with_c_functions;
  bool with_lines;   // of callers
  bool with_values;  // of arguments and what is returned
  bool with_bindings;
  bool filtering;             // some functions are hidden: an end says whose it is
  PySize code_offset;         // of the code object within the frame or its inner frame
  PySize inner_frame_offset;  // 0: none
  bool code_offset_checked;
} g_profile;

// The code object of a frame, borrowed. The API returns a new reference, which costs more than all
// else here, so its answer is taken once to check where the field lies.
PyObject* frame_code(PyFrame* frame) {
  if (g_profile.code_offset > 0) {
    const void* holder = g_profile.inner_frame_offset == 0
                             ? static_cast<const void*>(frame)
                             : field<const void*>(frame, g_profile.inner_frame_offset);
    PyObject* code = field<PyObject*>(holder, g_profile.code_offset);
    if (__builtin_expect(g_profile.code_offset_checked, 1)) {
      return code;
    }
    const PyRef expected = PyRef::steal(g_python.PyFrame_GetCode(frame));
    g_profile.code_offset_checked = true;
    if (expected.get() == code) {
      return code;
    }
    g_profile.code_offset = 0;
  }
  PyObject* code = g_python.PyFrame_GetCode(frame);
  g_python.Py_DecRef(code);  // the frame holds it
  return code;
}

// What a hidden function calls is hidden with it.
bool c_function_is_wanted(tracer::ThreadState* thread, PyFrame* caller) {
  return g_profile.with_c_functions &&
         !(g_profile.filtering && code_ids(thread, frame_code(caller)).id == kIdHidden);
}

int on_profile(PyObject*, PyFrame* frame, int what, PyObject* argument) {
  if (kDoNothing) {
    return 0;
  }
  uint64_t ticks;
  if (__builtin_expect(g_recording_clock == ClockKind::kTsc, 1)) {
    ticks = tracer::read_ticks(ClockKind::kTsc);
  } else if (g_recording_clock == kPausedClock) {
    note_pause(tracer::current_thread());
    return 0;
  } else {
    ticks = tracer::read_ticks(g_recording_clock);
  }
  tracer::ThreadState* thread = tracer::current_thread();
  switch (what) {
    case kCall: {
      if (__builtin_expect(g_profile.with_bindings, 0)) {
        check_eval_frame();
        frame_has_begun();
      }
      PyObject* const code = frame_code(frame);
      const CodeIds ids = code_ids(thread, code);
      if (const uint8_t known = known_function_of(thread, code);
          __builtin_expect(known != 0, 0) && !is_resumed(frame, code)) {
        known_call_begins(thread, code, known, frame_of_object(frame));
      }
      if (__builtin_expect(ids.id == kIdHidden, 0)) {
        if (g_profile.with_values && (values_of(thread, code) & kIsLogged) != 0 &&
            !is_resumed(frame, code)) {
          log_begin(thread, code, frame_of_object(frame));  // --log_sparse
        }
        break;
      }
      const uint32_t id =
          ids.id == ids.resumed_id || !is_resumed(frame, code) ? ids.id : ids.resumed_id;
      if (__builtin_expect(g_profile.with_lines || g_profile.with_values, 0)) {
        open_stack_before_notes(thread, id);
      }
      if (__builtin_expect(g_profile.with_lines, 0)) {
        note_caller_line(thread, id, code, Callee::kRunning);
      }
      if (__builtin_expect(g_profile.with_values, 0) && id == ids.id &&
          (values_of(thread, code) & kItsArguments) != 0) {
        note_arguments(thread, code, frame_of_object(frame), values_of(thread, code));
      }
      tracer::record_enter(thread, id);
      if (__builtin_expect(g_profile.with_values, 0) && id == ids.id &&
          (values_of(thread, code) & kIsLogged) != 0) {
        log_begin(thread, code, frame_of_object(frame));
      }
      break;
    }
    case kReturn: {
      frame_is_to_end();
      const uint32_t id =
          g_profile.filtering ? code_ids(thread, frame_code(frame)).id : uint32_t{kIdAnyPython};
      if (__builtin_expect(g_known_function_met, 0)) {
        PyObject* const code = frame_code(frame);
        if (const uint8_t known = known_function_of(thread, code); known != 0) {
          known_call_ends(thread, code, known, frame_of_object(frame));
        }
      }
      if (id != kIdHidden) {
        if (__builtin_expect(g_profile.with_values, 0)) {
          PyObject* const code = frame_code(frame);
          if (const uint16_t values = values_of(thread, code); (values & kItsReturnValue) != 0) {
            note_return_value(thread, code, argument, values);
          }
        }
        tracer::record_at(
            thread, ticks, argument == nullptr ? EventKind::kUnwind : EventKind::kLeave, id);
      }
      break;
    }
    case kCCall:
      if (__builtin_expect(is_setprofile(argument), 0)) {
        setprofile_begins(thread);
      }
      if (c_function_is_wanted(thread, frame)) {
        const uint32_t id = callable_id(thread, argument);
        if (is_recorded(id)) {
          tracer::record_enter(thread, id);
        }
      }
      break;
    case kCReturn:
    case kCException:
      if (c_function_is_wanted(thread, frame)) {
        const uint32_t id = callable_id(thread, argument);
        if (is_recorded(id)) {
          tracer::record_at(
              thread, ticks, what == kCReturn ? EventKind::kLeave : EventKind::kUnwind, id);
        }
      }
      if (__builtin_expect(is_setprofile(argument), 0) && !setprofile_ends(thread)) {
        return -1;
      }
      if (__builtin_expect(starts_thread(argument), 0)) {
        cover_new_threads();
      }
      if (__builtin_expect(g_profile.with_bindings, 0)) {
        look_at_running_frame(current_thread_state());
      }
      break;
    default:
      break;
  }
  return 0;
}

}  // namespace

bool set_profile(PyThread* thread_state) {
  const PendingException pending;
  const OwnChange own_change;
  const bool set = g_python._PyEval_SetProfile == nullptr
                       ? (g_python.PyEval_SetProfile(on_profile, nullptr), true)
                       : g_python._PyEval_SetProfile(thread_state, on_profile, nullptr) == 0;
  g_python.PyErr_Clear();  // an audit hook of the program may refuse: that thread stays untraced
  if (set) {
    guard_profile(thread_state);
  }
  return set;
}

void remove_profile(PyThread* thread_state) {
  const OwnChange own_change;
  if (g_python._PyEval_SetProfile == nullptr) {
    g_python.PyEval_SetProfile(nullptr, nullptr);
  } else {
    (void)g_python._PyEval_SetProfile(thread_state, nullptr, nullptr);
  }
  g_python.PyErr_Clear();
}

void profile_tells_ends_by_code() { g_profile.filtering = true; }

bool profile_installed() { return g_profile.installed; }

bool install_profile(bool with_c_functions) {
  g_profile.with_c_functions = with_c_functions;
  g_profile.with_lines = caller_lines_wanted();
  g_profile.with_values = values_wanted() || variables_wanted();
  g_profile.with_bindings = bindings_wanted() && !has_monitoring(g_python.minor);
  g_profile.filtering = filters_on() || g_profile.with_values;  // by the code that the thread knows
  const FrameLayout layout = frame_layout(g_python.minor);
  g_profile.inner_frame_offset = layout.inner_frame;
  g_profile.code_offset = layout.code;
  g_profile.code_offset_checked = false;
  if (!set_profile(g_python.PyThreadState_Get())) {
    return false;
  }
  g_profile.installed = true;
  watch_setprofile();
  if (g_profile.with_bindings) {
    watch_settrace();
  }
  watch_frames();
  start_profile_threads(on_profile);
  return true;
}

void uninstall_profile() {
  g_profile.installed = false;
  end_profile_threads();
  leave_c_profilers();
  leave_profilers();
  leave_settrace();
}

}  // namespace vtn::runtime

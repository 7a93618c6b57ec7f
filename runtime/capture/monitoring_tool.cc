// SPDX-License-Identifier: Apache-2.0
//
// The tool id that the monitoring backend has, and what is done under it.
//
//  Which    0, 1 and 2 are debuggers, coverage and profilers by convention. Of the others the
//           fewest tools name 5 (Hypothesis uses 3 by its number), so it is 5, then 4, then 3.
//  Give way sys.monitoring.use_tool_id is a built-in function: a step in front of it moves us to
//           another id first when the program asks for ours, as it would have it in a plain run.
#include <string.h>

#include "base/freestanding/lock.h"
#include "base/freestanding/pages.h"
#include "runtime/capture/backends.h"
#include "runtime/capture/caller_lines.h"
#include "runtime/capture/method_step.h"
#include "runtime/capture/monitoring.h"
#include "runtime/capture/open_frames.h"
#include "runtime/capture/own_debuggers.h"
#include "runtime/capture/own_profilers.h"
#include "runtime/entry/interpreters.h"
#include "runtime/entry/process.h"
#include "runtime/filters/filters.h"
#include "runtime/marks/exceptions.h"
#include "runtime/python/layout.h"
#include "runtime/python/text.h"
#include "runtime/values/arguments.h"
#include "runtime/variables/plans.h"
#include "runtime/variables/wishes.h"

namespace vtn::runtime {

namespace {

// Members of types, as the stable ABI numbers them.
constexpr int kMemberPySize = 19;
constexpr int kMemberReadOnly = 1;
constexpr int kFirstToolId = 5;
constexpr int kLastToolId = 3;
constexpr char kToolName[] = "viztracer-native";
constexpr char kWitnessName[] = "viztracer-native, for a moment";
constexpr size_t kTypeBlockBytes = 4096;

// What is kept of an interpreter, however often recording starts in it.
struct CallbackType {
  CallbackType* next;
  int64_t interpreter;
  PyObject* type;           // of the callbacks
  bool all_events;          // a function that is recorded was met (want_all_events)
  bool asks_who_is_hidden;  // its handlers do
};

struct {
  bool with_c_functions;
  CallbackType* types;
  CallbackType* unused;
  CallbackType* unused_end;
} g_tool;

constinit MethodStep g_use_tool_id = {};

// The type of the callbacks. Kept for the life of the interpreter; taken out of the collector's
// sight.
PyObject* make_callback_type() {
  static PyMemberSpec members[] = {
      {"__vectorcalloffset__", kMemberPySize, kHeadBytes, kMemberReadOnly, nullptr},
      {nullptr, 0, 0, 0, nullptr}};
  static PyTypeSlot slots[] = {{kSlotMembers, members}, {kSlotCall, nullptr}, {0, nullptr}};
  slots[1].function = reinterpret_cast<void*>(g_python.PyVectorcall_Call);
  static PyTypeSpec spec = {"viztracer_native.callback",
                            static_cast<int>(kHeadBytes + sizeof(PyVectorcall)),
                            0,
                            kTypeHasVectorcall,
                            slots};
  PyObject* type = g_python.PyType_FromSpec(&spec);
  if (type != nullptr) {
    g_python.PyObject_GC_UnTrack(type);
  }
  return type;
}

PyObject* make_callback(PyObject* type, PyVectorcall handler) {
  PyObject* callback = g_python._PyObject_New(type);
  if (callback != nullptr) {
    memcpy(reinterpret_cast<char*>(callback) + kHeadBytes, &handler, sizeof(handler));
  }
  return callback;
}

CallbackType* known_type(int64_t interpreter) {
  const WordLock lock(&runtime_root()->types_lock);
  for (CallbackType* one = g_tool.types; one != nullptr; one = one->next) {
    if (one->interpreter == interpreter) {
      return one;
    }
  }
  return nullptr;
}

// Null: no memory.
CallbackType* callback_type() {
  const int64_t interpreter = interpreter_id(current_interpreter());
  if (CallbackType* one = known_type(interpreter); one != nullptr) {
    return one;
  }
  PyObject* type = make_callback_type();
  if (type == nullptr) {
    return nullptr;
  }
  const WordLock lock(&runtime_root()->types_lock);
  if (g_tool.unused == g_tool.unused_end) {
    g_tool.unused = static_cast<CallbackType*>(map_pages(kTypeBlockBytes));
    if (g_tool.unused == nullptr) {
      g_tool.unused_end = nullptr;
      return nullptr;
    }
    g_tool.unused_end = g_tool.unused + kTypeBlockBytes / sizeof(CallbackType);
  }
  CallbackType* one = g_tool.unused++;
  *one = {g_tool.types,
          interpreter,
          type,
          /*all_events=*/!filters_on(),
          /*asks_who_is_hidden=*/false};
  g_tool.types = one;
  return one;
}

struct Tool {
  PyObject* monitoring;  // sys.monitoring; borrowed
  int id;                // -1: this interpreter does not know us

  PyRef events() const {
    return PyRef::steal(id < 0 ? nullptr : g_python.PyObject_GetAttrString(monitoring, "events"));
  }
};

Tool find_tool() {
  PyObject* const monitoring = g_python.PySys_GetObject("monitoring");
  for (int id = kFirstToolId; monitoring != nullptr && id >= kLastToolId; --id) {
    const PyRef name = PyRef::steal(g_python.PyObject_CallMethod(monitoring, "get_tool", "i", id));
    if (Utf8(name.get()).equals(kToolName)) {
      return {monitoring, id};
    }
    g_python.PyErr_Clear();
  }
  return {monitoring, -1};
}

int claim_tool(PyObject* monitoring) {
  for (int id = kFirstToolId; id >= kLastToolId; --id) {
    if (PyRef::steal(
            g_python.PyObject_CallMethod(monitoring, "use_tool_id", "is", id, kToolName))) {
      return id;
    }
    g_python.PyErr_Clear();
  }
  return -1;
}

// Event numbers differ between versions: never compiled in. -1: there is none.
long event_bit(PyObject* events, const Subscription& subscription) {
  const PyRef event = PyRef::steal(g_python.PyObject_GetAttrString(events, subscription.event));
  return event ? g_python.PyLong_AsLong(event.get()) : -1;
}

// What was there before; null: it failed.
PyRef register_callback(PyObject* monitoring, int tool, long bit, PyObject* callback) {
  return PyRef::steal(
      g_python.PyObject_CallMethod(monitoring, "register_callback", "ilO", tool, bit, callback));
}

struct InstructionEvents {
  PyObject* monitoring;
  int tool;
  long bit;
  long common_bit;  // of an event that we listen to everywhere
};

InstructionEvents instruction_events(PyObject* monitoring, int tool) {
  const PyRef events = PyRef::steal(g_python.PyObject_GetAttrString(monitoring, "events"));
  const auto bit = [&](const char* name) {
    const PyRef value =
        PyRef::steal(events ? g_python.PyObject_GetAttrString(events.get(), name) : nullptr);
    return value ? g_python.PyLong_AsLong(value.get()) : 0;
  };
  return {monitoring, tool, bit("INSTRUCTION"), bit("PY_START")};
}

bool set_local_events(PyObject* monitoring, int tool, PyObject* code, long events) {
  return static_cast<bool>(PyRef::steal(
      g_python.PyObject_CallMethod(monitoring, "set_local_events", "iOl", tool, code, events)));
}

// Of another tool; 0 where there is none of that id.
long events_of(PyObject* monitoring, int tool, PyObject* code) {
  const PyRef events = PyRef::steal(
      code == nullptr
          ? g_python.PyObject_CallMethod(monitoring, "get_events", "i", tool)
          : g_python.PyObject_CallMethod(monitoring, "get_local_events", "iO", tool, code));
  const long bits = events ? g_python.PyLong_AsLong(events.get()) : 0;
  g_python.PyErr_Clear();
  return bits;
}

// A second id of ours; -1: none is free.
int claim_witness(PyObject* monitoring, int ours) {
  for (int id = kFirstToolId; id >= 0; --id) {
    if (id != ours && PyRef::steal(g_python.PyObject_CallMethod(
                          monitoring, "use_tool_id", "is", id, kWitnessName))) {
      return id;
    }
    g_python.PyErr_Clear();
  }
  return -1;
}

// As monitoring.h has it.
bool set_instructions(const InstructionEvents& wish, PyObject* code) {
  PyObject* const monitoring = wish.monitoring;
  if (wish.bit <= 0) {
    return false;
  }
  const int witness = claim_witness(monitoring, wish.tool);
  if (witness >= 0) {
    (void)set_local_events(monitoring, witness, code, wish.common_bit);
    g_python.PyErr_Clear();
  }
  const bool set = set_local_events(monitoring, wish.tool, code, wish.bit);
  g_python.PyErr_Clear();
  if (witness >= 0) {
    (void)set_local_events(monitoring, witness, code, 0);
    (void)PyRef::steal(g_python.PyObject_CallMethod(monitoring, "free_tool_id", "i", witness));
    g_python.PyErr_Clear();
  }
  for (int other = 0; set && other <= kFirstToolId; ++other) {
    if (other == wish.tool) {
      continue;
    }
    const long local = events_of(monitoring, other, code);
    if ((local & wish.bit) != 0) {
      (void)set_local_events(monitoring, other, code, local & ~wish.bit);
      (void)set_local_events(monitoring, other, code, local);
    } else if ((events_of(monitoring, other, nullptr) & wish.bit) != 0) {
      (void)PyRef::steal(g_python.PyObject_CallMethod(monitoring, "restart_events", nullptr));
    }
    g_python.PyErr_Clear();
  }
  return set;
}

bool is_wanted(const Subscription& subscription) {
  return subscription.of == EventOf::kCalls ||
         (subscription.of == EventOf::kCFunctions && g_tool.with_c_functions) ||
         (subscription.of == EventOf::kExceptions && exceptions_wanted()) ||
         (subscription.of == EventOf::kInstructions && variables_wanted());
}

PyVectorcall handler_of(const Subscription& subscription) {
  const bool with_notes = exceptions_wanted() ||
                          (values_wanted() && subscription.notes != NotesOf::kExceptions) ||
                          ((caller_lines_wanted() || variables_wanted()) &&
                           subscription.notes == NotesOf::kLinesAndValues);
  if (with_notes && subscription.with_notes != nullptr) {
    return subscription.with_notes;
  }
  return filters_on() ? subscription.filtering : subscription.plain;
}

// False: refused, with an error set.
bool ask_for_events(PyObject* monitoring, int tool, PyObject* events, bool all) {
  long wanted = 0;
  for (const Subscription& subscription : kSubscriptions) {
    const bool at_once =
        all ? subscription.of != EventOf::kInstructions
            : subscription.discovers || subscription.of == EventOf::kExceptions ||
                  (exceptions_wanted() && subscription.notes == NotesOf::kExceptions);
    if (is_wanted(subscription) && at_once) {
      wanted |= event_bit(events, subscription);
    }
  }
  return static_cast<bool>(
      PyRef::steal(g_python.PyObject_CallMethod(monitoring, "set_events", "il", tool, wanted)));
}

bool register_handlers(PyObject* monitoring, int tool, PyObject* events, CallbackType* type) {
  type->asks_who_is_hidden = filters_on();
  for (const Subscription& subscription : kSubscriptions) {
    if (!is_wanted(subscription)) {
      continue;
    }
    const long bit = event_bit(events, subscription);
    const PyRef callback = PyRef::steal(make_callback(type->type, handler_of(subscription)));
    if (bit <= 0 || !callback) {
      return false;
    }
    PyRef before = register_callback(monitoring, tool, bit, callback.get());
    if (!before) {
      return false;
    }
    // The interpreter holds no reference to one that runs at this moment.
    (void)before.release();
  }
  return true;
}

bool subscribe(PyObject* monitoring, int tool) {
  const PyRef events = PyRef::steal(g_python.PyObject_GetAttrString(monitoring, "events"));
  CallbackType* const type = events ? callback_type() : nullptr;
  if (type == nullptr || !register_handlers(monitoring, tool, events.get(), type)) {
    return false;
  }
  // One object for all interpreters (_PyInstrumentation_DISABLE), which never dies.
  const PyRef disable = PyRef::steal(g_python.PyObject_GetAttrString(monitoring, "DISABLE"));
  g_switch_off = disable.get();
  // An earlier owner of the id may have left places switched off.
  if (!disable ||
      !PyRef::steal(g_python.PyObject_CallMethod(monitoring, "restart_events", nullptr)) ||
      !ask_for_events(monitoring, tool, events.get(), type->all_events)) {
    return false;
  }
  InstructionEvents wish = instruction_events(monitoring, tool);
  visit_codes_with_events(
      [](PyObject* code, void* argument) {
        (void)set_instructions(*static_cast<InstructionEvents*>(argument), code);
      },
      &wish);
  return true;
}

// The next owner of the id finds nothing of ours. (3.12 and 3.13 leave callbacks and events.)
void release_tool(PyObject* monitoring, int tool) {
  InstructionEvents none = {monitoring, tool, 0, 0};
  visit_codes_with_events(
      [](PyObject* code, void* argument) {
        const auto& ours = *static_cast<InstructionEvents*>(argument);
        (void)set_local_events(ours.monitoring, ours.tool, code, 0);
        g_python.PyErr_Clear();
      },
      &none);
  (void)PyRef::steal(g_python.PyObject_CallMethod(monitoring, "set_events", "ii", tool, 0));
  g_python.PyErr_Clear();
  const PyRef events = PyRef::steal(g_python.PyObject_GetAttrString(monitoring, "events"));
  for (const Subscription& subscription : kSubscriptions) {
    const long bit = events ? event_bit(events.get(), subscription) : -1;
    if (bit > 0) {
      (void)register_callback(monitoring, tool, bit, g_python._Py_NoneStruct);
    }
    g_python.PyErr_Clear();
  }
  if (filters_on()) {
    // Places that we switched off would be off for whoever has the id next. Nothing but this brings
    // them back; other tools get theirs back as well.
    (void)PyRef::steal(g_python.PyObject_CallMethod(monitoring, "restart_events", nullptr));
    g_python.PyErr_Clear();
  }
  (void)PyRef::steal(g_python.PyObject_CallMethod(monitoring, "free_tool_id", "i", tool));
  g_python.PyErr_Clear();
}

// False, with no error set: none is free, or it was refused.
bool take_tool(PyObject* monitoring) {
  const int tool = claim_tool(monitoring);
  if (tool < 0) {
    return false;
  }
  if (!subscribe(monitoring, tool)) {
    g_python.PyErr_Clear();
    release_tool(monitoring, tool);
    return false;
  }
  return true;
}

// The new id has its events before the old one loses them, and no code of the program runs between.
void give_way(long wanted) {
  const KeepErrno keep_errno;
  const PendingException pending;
  const Tool ours = find_tool();
  if (ours.id >= 0 && ours.id == wanted && take_tool(ours.monitoring)) {
    release_tool(ours.monitoring, ours.id);
  }
  g_python.PyErr_Clear();
}

bool is_own_name(PyObject* name) {
  const Utf8 text(name);
  return text.equals(kToolName) || text.equals(kWitnessName);
}

// use_tool_id(tool_id, name, /), METH_FASTCALL: the arguments, and how many.
PyObject* step_use_tool_id(PyObject* module, PyObject* arguments, PyObject* count, PyObject* rest) {
  const auto* all = reinterpret_cast<PyObject* const*>(arguments);
  if (reinterpret_cast<PySize>(count) == 2 && type_of(all[0]) == g_python.PyLong_Type &&
      type_of(all[1]) == g_python.PyUnicode_Type && !is_own_name(all[1])) {
    const long wanted = g_python.PyLong_AsLong(all[0]);
    if (wanted >= kLastToolId && wanted <= kFirstToolId) {
      give_way(wanted);
    }
    g_python.PyErr_Clear();
  }
  return g_use_tool_id.original(module, arguments, count, rest);
}

}  // namespace

bool install_monitoring(bool with_c_functions) {
  PyObject* monitoring = g_python.PySys_GetObject("monitoring");
  if (monitoring == nullptr) {
    return false;
  }
  g_tool.with_c_functions = with_c_functions;
  if (!take_tool(monitoring)) {
    return false;
  }
  if (with_c_functions) {
    watch_setprofile();
  }
  watch_settrace();
  const PyRef use = PyRef::steal(g_python.PyObject_GetAttrString(monitoring, "use_tool_id"));
  put_in_front(&g_use_tool_id, definition_of(use.get()), step_use_tool_id);
  g_python.PyErr_Clear();
  return true;
}

void uninstall_monitoring() {
  take_away(&g_use_tool_id, step_use_tool_id);
  leave_profilers();
  leave_settrace();
  const Tool tool = find_tool();
  if (tool.id >= 0) {
    release_tool(tool.monitoring, tool.id);
  }
  forget_open_frames();
}

void want_all_events() {
  CallbackType* const type = known_type(interpreter_id(current_interpreter()));
  if (type == nullptr || type->all_events) {
    return;
  }
  type->all_events = true;
  const Tool tool = find_tool();
  const PyRef events = tool.events();
  if (events) {
    (void)ask_for_events(tool.monitoring, tool.id, events.get(), true);
  }
  g_python.PyErr_Clear();
}

void monitoring_meets_hidden_code() {
  CallbackType* const type = known_type(interpreter_id(current_interpreter()));
  if (type == nullptr || type->asks_who_is_hidden) {
    return;
  }
  const Tool tool = find_tool();
  const PyRef events = tool.events();
  if (events) {
    (void)register_handlers(tool.monitoring, tool.id, events.get(), type);
  }
  g_python.PyErr_Clear();
}

bool ask_for_instructions(PyObject* code) {
  const Tool tool = find_tool();
  return tool.id >= 0 && set_instructions(instruction_events(tool.monitoring, tool.id), code);
}

// The step stays: definitions outlive interpreters.
void forget_monitoring() {
  g_tool.types = nullptr;
  forget_plans();
}

}  // namespace vtn::runtime

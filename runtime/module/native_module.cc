// SPDX-License-Identifier: Apache-2.0
#include "runtime/module/native_module.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/freestanding/atomic.h"
#include "base/freestanding/syscalls.h"
#include "runtime/capture/backends.h"
#include "runtime/capture/control.h"
#include "runtime/capture/open_stack.h"
#include "runtime/entry/bootstrap.h"
#include "runtime/entry/process.h"
#include "runtime/filters/filters.h"
#include "runtime/module/arguments_check.h"
#include "runtime/module/events.h"
#include "runtime/module/package_sources.h"
#include "runtime/module/session_facts.h"
#include "runtime/module/spans.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "tracer/clock.h"
#include "tracer/mute.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

namespace {

constexpr char kOwnFile[] = "viztracer";  // behind '<', and '<frozen '
constexpr char kOwnModule[] = "viztracer_native";

bool g_begun_from_inside = false;
char g_own_folder[kMaxNameBytes];  // with its slash
size_t g_own_folder_bytes = 0;

enum class State : unsigned long { kNone, kRecording, kPaused, kStopped };

State state_now() {
  return !is_traced() || !is_begun()         ? State::kNone
         : recording_is_stopped()            ? State::kStopped
         : g_recording_clock == kPausedClock ? State::kPaused
                                             : State::kRecording;
}

PyObject* state(PyObject*, PyObject*) {
  return g_python.PyLong_FromUnsignedLong(static_cast<unsigned long>(state_now()));
}

PyObject* pause(PyObject*, PyObject*) {
  if (is_traced()) {
    pause_recording();
  }
  return new_none();
}

PyObject* resume(PyObject*, PyObject*) {
  if (is_traced()) {
    resume_recording();
  }
  return new_none();
}

// Of a session that this process has begun by itself: whether a report is to be made when it ends,
// by whatever end. Who stops has seen to that.
void want_report(bool wanted) {
  if (g_begun_from_inside) {
    store_relaxed(&tracer::g_engine.arena.control->report_unwanted, wanted ? 0u : 1u);
  }
}

PyObject* stop(PyObject*, PyObject*) {
  if (is_traced()) {
    stop_recording();
    want_report(false);
  }
  return new_none();
}

PyObject* start(PyObject*, PyObject*) {
  if (!is_traced()) {
    return new_none();
  }
  const bool begun = is_begun();
  if (!(begun ? start_recording() : begin_late())) {
    return raise(Raise::kRuntimeError, "this interpreter cannot be traced");
  }
  g_begun_from_inside = g_begun_from_inside || !begun;
  want_report(true);
  return new_none();
}

PyObject* mute(PyObject*, PyObject*) {
  if (is_traced()) {
    tracer::ThreadState* const thread = tracer::current_thread();
    tracer::mute(thread);
    if (stack_is_closed(thread)) {
      thread->muted_closed = 1;
    }
  }
  return new_none();
}

PyObject* unmute(PyObject*, PyObject*) {
  if (is_traced()) {
    tracer::ThreadState* const thread = tracer::current_thread();
    if (!tracer::unmute(thread)) {
      open_stacks_from_now_on(false);
      tracer::record_gap(thread, GapReason::kPaused);
      stack_was_closed(thread);
    }
  }
  return new_none();
}

PyObject* now_ns(PyObject*, PyObject*) {
  return g_python.PyLong_FromUnsignedLong(tracer::monotonic_ns());
}

// Between two reads of the monotonic clock, so that no pause between them is taken for a step.
PyObject* base_time_ns(PyObject*, PyObject*) {
  timespec now;
  const uint64_t before = tracer::monotonic_ns();
  (void)raw_syscall(SYS_clock_gettime, CLOCK_REALTIME, reinterpret_cast<long>(&now));
  const uint64_t after = tracer::monotonic_ns();
  const uint64_t real =
      static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
  return g_python.PyLong_FromUnsignedLong(real - (before + (after - before) / 2));
}

// The text of a module of the package; of "" that of its loader. None: there is no such.
PyObject* source(PyObject*, PyObject* name) {
  if (!check_str(name, "a module's name is a str")) {
    return nullptr;
  }
  const Utf8 wanted(name);
  if (wanted.text().bytes == 0) {
    return g_python.PyUnicode_Decode(
        kPackageLoader, static_cast<PySize>(kPackageLoaderBytes), "utf-8", "strict");
  }
  for (size_t i = 0; i < kPackageModuleCount; ++i) {
    const PackageModule& module = kPackageModules[i];
    if (wanted.equals(module.name)) {
      return g_python.PyUnicode_Decode(
          module.source, static_cast<PySize>(module.source_bytes), "utf-8", "strict");
    }
  }
  return new_none();
}

// hide_folder(path): functions of files in it are ours, as those of the package are that the
// runtime carries along. Before anything is recorded.
PyObject* hide_folder(PyObject*, PyObject* path) {
  if (!check_str(path, "a folder is a str")) {
    return nullptr;
  }
  const Utf8 text(path);
  memcpy(g_own_folder, text.text().data, text.text().bytes);
  g_own_folder_bytes = text.text().bytes;
  return new_none();
}

// enter(folder): this process is in the session of that folder from now on; recording has stopped,
// and begins by start().
PyObject* enter(PyObject*, PyObject* folder) {
  if (!check_str(folder, "a folder is a str")) {
    return nullptr;
  }
  char path[kMaxNameBytes + 1];
  const Utf8 text(folder);
  memcpy(path, text.text().data, text.text().bytes);
  path[text.text().bytes] = 0;
  if (is_traced() && is_begun()) {
    stop_recording();
  }
  return shim_enters_session(path) && enter_waiting_session()
             ? new_none()
             : raise(Raise::kRuntimeError, "the session cannot be entered");
}

// With what inspect.signature() reads. Programs see them as `instant` and `counter` of the package.
constexpr char kMarkDoc[] =
    "mark($module, name, /, *, scope='t', **values)\n--\n\n"
    "Marks this moment: instant() of the package.";
constexpr char kSampleDoc[] =
    "sample($module, name, /, **values)\n--\n\n"
    "Samples a counter: counter() of the package.";

PyMethodDefinition g_methods[] = {
    {"enter", reinterpret_cast<void*>(enter), kOneArgument, nullptr},
    {"hide_folder", reinterpret_cast<void*>(hide_folder), kOneArgument, nullptr},
    {"state", reinterpret_cast<void*>(state), kNoArguments, nullptr},
    {"start", reinterpret_cast<void*>(start), kNoArguments, nullptr},
    {"stop", reinterpret_cast<void*>(stop), kNoArguments, nullptr},
    {"pause", reinterpret_cast<void*>(pause), kNoArguments, nullptr},
    {"resume", reinterpret_cast<void*>(resume), kNoArguments, nullptr},
    {"mute", reinterpret_cast<void*>(mute), kNoArguments, nullptr},
    {"unmute", reinterpret_cast<void*>(unmute), kNoArguments, nullptr},
    {"instant", reinterpret_cast<void*>(log_instant), kFastCall, nullptr},
    {"counter", reinterpret_cast<void*>(log_counter), kFastCall, nullptr},
    {"mark", reinterpret_cast<void*>(tell_instant), kFastCall | kKeywords, kMarkDoc},
    {"sample", reinterpret_cast<void*>(tell_counter), kFastCall | kKeywords, kSampleDoc},
    {"variable", reinterpret_cast<void*>(log_variable), kFastCall, nullptr},
    {"object_event", reinterpret_cast<void*>(log_object), kFastCall, nullptr},
    {"argument", reinterpret_cast<void*>(attach_argument), kFastCall, nullptr},
    {"raw", reinterpret_cast<void*>(log_raw), kFastCall, nullptr},
    {"flush", reinterpret_cast<void*>(flush), kNoArguments, nullptr},
    {"info", reinterpret_cast<void*>(session_info), kNoArguments, nullptr},
    {"settings", reinterpret_cast<void*>(session_settings_told), kNoArguments, nullptr},
    {"now_ns", reinterpret_cast<void*>(now_ns), kNoArguments, nullptr},
    {"base_time_ns", reinterpret_cast<void*>(base_time_ns), kNoArguments, nullptr},
    {"source", reinterpret_cast<void*>(source), kOneArgument, nullptr},
    {nullptr, nullptr, 0, nullptr}};

// PyModuleDef, part of the stable API of builds with the GIL.
struct ModuleDefinition {
  PySize references;
  PyObject* type;
  PyObject* (*initialise)();
  PySize index;
  PyObject* copy;
  const char* name;
  const char* doc;
  PySize size;
  PyMethodDefinition* methods;
  void* slots;
  void* traverse;
  void* clear;
  void* free;
};
struct ModuleSlot {
  int slot;
  void* value;
};
constexpr int kSlotExec = 2;
constexpr int kSlotInterpreters = 3;
constexpr uintptr_t kOwnGilSupported = 2;

int fill_module(PyObject* module) {
  hide_own_package();
  const PyRef type = PyRef::steal(make_span_type());
  const PyRef span = PyRef::steal(type ? make_span_function(type.get()) : nullptr);
  const PyRef event = PyRef::steal(span ? make_event_function(type.get()) : nullptr);
  PyObject* const names = g_python.PyModule_GetDict(module);  // borrowed
  return event && names != nullptr &&
                 g_python.PyDict_SetItemString(names, "Span", type.get()) == 0 &&
                 g_python.PyDict_SetItemString(names, "span", span.get()) == 0 &&
                 g_python.PyDict_SetItemString(names, "event", event.get()) == 0
             ? 0
             : -1;
}

bool begins_with(tracer::Text text, const char* prefix, size_t bytes) {
  return text.bytes >= bytes && memcmp(text.data, prefix, bytes) == 0;
}

// The package's own or the alias's: "viztracer", "viztracer_native", and what is in them.
bool is_of_package(tracer::Text name, const char* end) {
  size_t bytes = sizeof(kOwnFile) - 1;
  if (!begins_with(name, kOwnFile, bytes)) {
    return false;
  }
  if (begins_with(name, kOwnModule, sizeof(kOwnModule) - 1)) {
    bytes = sizeof(kOwnModule) - 1;
  }
  return name.bytes > bytes && name.data[bytes] != 0 && strchr(end, name.data[bytes]) != nullptr;
}

}  // namespace

void* make_native_module() {
  static ModuleSlot slots[] = {{kSlotExec, reinterpret_cast<void*>(fill_module)},
                               {kSlotInterpreters, reinterpret_cast<void*>(kOwnGilSupported)},
                               {0, nullptr}};
  static ModuleDefinition definition = {.references = 1,
                                        .type = nullptr,
                                        .initialise = nullptr,
                                        .index = 0,
                                        .copy = nullptr,
                                        .name = "viztracer_native._native",
                                        .doc = nullptr,
                                        .size = 0,
                                        .methods = g_methods,
                                        .slots = slots,
                                        .traverse = nullptr,
                                        .clear = nullptr,
                                        .free = nullptr};
  if (!modules_say_interpreters(g_python.minor)) {
    slots[1] = {0, nullptr};
  }
  return g_python.PyModuleDef_Init == nullptr ? nullptr : g_python.PyModuleDef_Init(&definition);
}

bool is_own_definition(const void* definition) {
  constexpr size_t kCount = sizeof(g_methods) / sizeof(g_methods[0]);
  return (definition >= static_cast<const void*>(g_methods) &&
          definition < static_cast<const void*>(g_methods + kCount)) ||
         is_span_definition(definition);
}

bool is_own_file(tracer::Text file) {
  constexpr char kFrozen[] = "<frozen ";
  if (g_own_folder_bytes != 0 && begins_with(file, g_own_folder, g_own_folder_bytes)) {
    return true;
  }
  if (file.bytes == 0 || file.data[0] != '<') {
    return false;
  }
  const size_t skipped = begins_with(file, kFrozen, sizeof(kFrozen) - 1) ? sizeof(kFrozen) - 1 : 1;
  return is_of_package({file.data + skipped, file.bytes - skipped}, ".>");
}

bool is_own_name(tracer::Text dotted) {
  return is_of_package(dotted, ".") || (dotted.bytes == sizeof(kOwnModule) - 1 &&
                                        begins_with(dotted, kOwnModule, sizeof(kOwnModule) - 1));
}

}  // namespace vtn::runtime

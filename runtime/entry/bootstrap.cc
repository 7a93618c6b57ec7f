// SPDX-License-Identifier: Apache-2.0
//
// How the tracer gets into an interpreter: an audit hook, added before the interpreter starts, that
// installs the tracer right before the program's own first frame and takes itself out again.
// Python's own main function tells by `cpython.run_*` that the program is next, which arms the
// hook. No import of the interpreter's own start is recorded, nothing of the program is missed, and
// what the hook would cost every audited call (id(), f.__code__, deepcopy) is paid by nobody.
//
// Which moment is right was found out by running 3.10 to 3.15 in every mode:
//  script, -c, stdin, REPL   the first `exec` or `marshal.load*` event without a frame on the stack
//  -m, directory, zipapp     the first `exec` of code that is not frozen, below runpy's
//                            _run_module_as_main as the outermost frame
//  never armed: an embedder, the first of several events without a frame (of an import: with none
//  with a command line or    but importlib's), once it has its streams; what python's own main
//  not, a sub-interpreter    function imports before it arms the hook is known by name
//
// A sub-interpreter, and a main one that an embedder begins anew, put the hook back for as long as
// that takes (interpreters.h).
#include "runtime/entry/bootstrap.h"

#include <string.h>

#include "base/freestanding/atomic.h"
#include "runtime/capture/backends.h"
#include "runtime/capture/budget.h"
#include "runtime/capture/c_profilers.h"
#include "runtime/capture/caller_lines.h"
#include "runtime/capture/control.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/open_stack.h"
#include "runtime/capture/profile_threads.h"
#include "runtime/entry/attached.h"
#include "runtime/entry/audit_hook.h"
#include "runtime/entry/interpreters.h"
#include "runtime/entry/process.h"
#include "runtime/filters/filters.h"
#include "runtime/known/known_functions.h"
#include "runtime/marks/audits.h"
#include "runtime/marks/exceptions.h"
#include "runtime/module/frozen_rows.h"
#include "runtime/module/native_module.h"
#include "runtime/python/frames.h"
#include "runtime/python/python_api.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "runtime/values/arguments.h"
#include "runtime/variables/variables.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

namespace {

struct {
  bool armed;
  bool installed;
  char mode;          // of cpython.run_<mode>
  uint32_t expected;  // interpreters that have begun and are not settled
} g_bootstrap;

int on_audit(const char* event, PyObject* arguments, void*);

// Under such a JIT, tracing would break the program.
bool jit_corrupts() {
  if (!jit_corrupts_locals(g_python.minor)) {
    return false;
  }
  PyObject* jit = g_python.PySys_GetObject("_jit");
  if (jit == nullptr) {
    return false;
  }
  const PyRef enabled = PyRef::steal(g_python.PyObject_CallMethod(jit, "is_enabled", nullptr));
  return enabled && g_python.PyLong_AsLong(enabled.get()) == 1;
}

using FindObject = int (*)(void*, void*);
FindObject find_object_function() {
  return reinterpret_cast<FindObject>(find_symbol("_dl_find_object"));
}

// What comes before the first event, in an interpreter that is there. False: it stays untraced,
// which has been told.
bool install_now() {
  if (const char* wrong = check_layout(); wrong != nullptr) {
    stay_untraced(UntracedReason::kSelfTest, g_python.version);
    return false;
  }
  if (jit_corrupts()) {
    stay_untraced(UntracedReason::kJit, g_python.version);
    return false;
  }
  check_ascii_text();
  g_python.PyErr_Clear();
  start_frames();
  start_filters();
  start_budget();
  start_arguments();
  start_known_functions();
  start_exceptions();
  start_variables();
  start_caller_lines(session_option(kOptionLogLines));
  if (!start_functions(find_object_function()) || !install_backend()) {
    g_python.PyErr_Clear();
    stay_untraced(UntracedReason::kInstallFailed, g_python.version);
    return false;
  }
  g_python.PyErr_Clear();
  resume_recording();
  tracer::ensure_process();  // it is known even if it never calls anything
  return true;
}

void install() {
  g_bootstrap.installed = true;
  const KeepErrno keep_errno;
  const PendingException pending;
  start_audits();
  if (audits_wanted()) {
    keep_audit_hook();
  }
  const bool hook_gone = unlink_audit_hook();
  offer_package();
  if (!install_now()) {
    return;
  }
  (void)tracer::current_thread();
  if (!hook_gone) {
    (void)tracer::publish_text(
        NameRecord::kNotice, static_cast<uint32_t>(NoticeKind::kAuditHookStays), tracer::Text{});
  }
}

bool starts_with(const char* text, const char* prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

// Whether runpy runs a module as the program: `python -m`, a directory or a zipapp.
bool below_run_module_as_main() {
  PyFrame* frame = g_python.PyEval_GetFrame();  // borrowed
  if (frame == nullptr) {
    return false;
  }
  g_python.Py_IncRef(reinterpret_cast<PyObject*>(frame));
  for (;;) {
    PyFrame* back = g_python.PyFrame_GetBack(frame);
    if (back == nullptr) {
      break;
    }
    g_python.Py_DecRef(reinterpret_cast<PyObject*>(frame));
    frame = back;
  }
  const PyRef code = PyRef::steal(g_python.PyFrame_GetCode(frame));
  g_python.Py_DecRef(reinterpret_cast<PyObject*>(frame));
  const PyRef name = PyRef::steal(g_python.PyObject_GetAttrString(code.get(), "co_name"));
  return Utf8(name.get()).equals("_run_module_as_main");
}

constexpr char kFrozen[] = "<frozen";
constexpr char kFrozenImport[] = "<frozen importlib";

// Whether a code object's file begins so.
bool file_begins(PyObject* code, const char* prefix) {
  if (code == nullptr || type_of(code) != g_python.PyCode_Type) {
    return false;
  }
  const PyRef file = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_filename"));
  const Utf8 text(file.get());
  const size_t bytes = strlen(prefix);
  return text.text().bytes >= bytes && memcmp(text.text().data, prefix, bytes) == 0;
}

// Whether all frames there are belong to the import system: from 3.15 on that is what tells of an
// import, also of one that C code asks for.
bool only_imports_run() {
  PyFrame* frame = g_python.PyEval_GetFrame();
  g_python.Py_IncRef(reinterpret_cast<PyObject*>(frame));
  bool only = true;
  while (frame != nullptr && only) {
    const PyRef held = PyRef::steal(reinterpret_cast<PyObject*>(frame));
    const PyRef code = PyRef::steal(g_python.PyFrame_GetCode(frame));
    only = file_begins(code.get(), kFrozenImport);
    frame = g_python.PyFrame_GetBack(frame);
  }
  g_python.Py_DecRef(reinterpret_cast<PyObject*>(frame));
  return only;
}

// What CPython's own start imports by itself once the streams are there: for -W, always, and for an
// interactive run.
bool is_imported_at_start(const Utf8& module) {
  constexpr const char* kModules[] = {"warnings", "site", "readline", "rlcompleter"};
  for (const char* known : kModules) {
    if (module.equals(known)) {
      return true;
    }
  }
  return false;
}

// Whether the next frame of an interpreter that C code made, or may have made, is the program's own
// first one: it has its standard streams, and nothing runs in it.
bool code_begins(const char* event, PyObject* arguments) {
  constexpr const char* kEvents[] = {
      "exec", "compile", "import", "marshal.load", "pickle.find_class", "_thread.start_"};
  bool of_interest = false;
  for (const char* known : kEvents) {
    of_interest = of_interest || starts_with(event, known);
  }
  if (!of_interest || g_python.PySys_GetObject("stdout") == nullptr) {
    return false;
  }
  if (event[0] != 'i') {
    return g_python.PyEval_GetFrame() == nullptr || starts_with(event, "_thread");
  }
  const PendingException pending;
  if (!only_imports_run()) {
    g_python.PyErr_Clear();
    return false;
  }
  const Utf8 module(g_python.PyTuple_GetItem(arguments, 0));
  const bool own = !is_imported_at_start(module);
  g_python.PyErr_Clear();
  return own;
}

// Whether the next frame is the program's own first one.
bool program_begins(const char* event, PyObject* arguments) {
  const bool exec = strcmp(event, "exec") == 0;
  if (!g_bootstrap.armed) {
    return code_begins(event, arguments);
  }
  if (g_bootstrap.mode != 'm') {
    return (exec || starts_with(event, "marshal.load")) && g_python.PyEval_GetFrame() == nullptr;
  }
  if (!exec) {
    return starts_with(event, "_thread.start_");
  }
  const PendingException pending;
  const bool begins =
      !file_begins(g_python.PyTuple_GetItem(arguments, 0), kFrozen) && below_run_module_as_main();
  g_python.PyErr_Clear();
  return begins;
}

// Installs in a sub-interpreter, the current one.
void install_again(int64_t id) {
  const KeepErrno keep_errno;
  const PendingException pending;
  if (!start_functions(find_object_function()) || !install_backend_again()) {
    settle_interpreter(id, -1);
  }
  g_python.PyErr_Clear();
}

void one_less_expected() {
  if (add_relaxed(&g_bootstrap.expected, ~uint32_t{0}) == 1 && !c_profiler_is_set()) {
    (void)unlink_audit_hook();
    if (load_relaxed(&g_bootstrap.expected) != 0) {  // another began meanwhile
      link_audit_hook();
    }
  }
}

// An event in an interpreter that may be a new one. All of this with the GIL of that interpreter,
// perhaps beside others.
void look_at_interpreter(const char* event, PyObject* arguments) {
  PyInterp* interpreter = current_interpreter();
  if (interpreter == nullptr || interpreter == g_python.PyInterpreterState_Main()) {
    return;
  }
  const int64_t id = interpreter_id(interpreter);
  if (interpreter_is_settled(id)) {
    return;
  }
  if (strcmp(event, "cpython.PyInterpreterState_Clear") == 0) {
    settle_interpreter(id, -1);
    one_less_expected();
  } else if (code_begins(event, arguments)) {
    install_again(id);
    one_less_expected();
  }
}

// An interpreter begins; its module `_imp` is being made.
void interpreter_begins() {
  if (!g_bootstrap.installed) {
    return;
  }
  if (g_python.Py_IsInitialized() == 0) {  // an embedder ended the main one and begins again
    forget_interpreters();
    forget_monitoring();
    g_bootstrap.installed = g_bootstrap.armed = false;
    store_relaxed(&g_bootstrap.expected, uint32_t{0});
    link_audit_hook();
    return;
  }
  // A program may as well make the module anew for itself.
  if (new_interpreter_is_current(g_python.minor) &&
      interpreter_is_settled(interpreter_id(current_interpreter()))) {
    return;
  }
  add_relaxed(&g_bootstrap.expected, uint32_t{1});
  link_audit_hook();
}

void look_at_event(const char* event, PyObject* arguments) {
  if (g_python.Py_IsInitialized() == 0) {
    return;
  }
  if (g_bootstrap.installed) {
    if (load_relaxed(&g_bootstrap.expected) != 0) {
      look_at_interpreter(event, arguments);
    }
  } else if (program_begins(event, arguments)) {
    install();
  }
}

int on_audit(const char* event, PyObject* arguments, void*) {
  if (__builtin_expect(audits_wanted(), 0)) {
    tell_audit(event, arguments);
  }
  // Called for every audited operation until the program begins, and for ever where it must stay:
  // the first letters tell almost all of them apart.
  switch (event[0]) {
    case 'c':
      if (starts_with(event, "cpython.run_")) {
        g_bootstrap.armed = true;
        g_bootstrap.mode = event[sizeof("cpython.run_") - 1];
      } else if (strcmp(event, "cpython._PySys_ClearAuditHooks") == 0) {
        survive_clearing();
      }
      look_at_event(event, arguments);
      break;
    case 's':
      if (c_profiler_is_set() && strcmp(event, "sys.setprofile") == 0) {
        profile_function_changes();
      }
      break;
    case 'e':
    case 'i':
    case 'm':
    case 'p':
    case '_':
      look_at_event(event, arguments);
      break;
    default:
      break;
  }
  return 0;
}

struct {
  vtn_runtime_args args;
  uint32_t waits;
} g_next_session;

int start(const vtn_runtime_args& args) {
  if (g_python.version != 0) {  // in another session before
    g_next_session.args = args;
    store_release(&g_next_session.waits, uint32_t{1});
    return start_attached(static_cast<ControlPage*>(args.control)) ? 0 : 1;
  }
  const auto get_version =
      reinterpret_cast<const char* (*)()>(args.dlsym_fn(args.python, "Py_GetVersion"));
  const uint32_t version = get_version == nullptr ? 0 : parse_python_version(get_version());
  if (!enter_session(args, version)) {
    return 1;
  }
  if (is_too_old(version)) {
    stay_untraced(UntracedReason::kTooOld, version);
    return 1;
  }
  if (load_python_api(args.python, args.dlsym_fn, args.dladdr1_fn) != nullptr) {
    stay_untraced(UntracedReason::kApiMissing, version);
    return 1;
  }
  if (g_python.free_threaded) {
    stay_untraced(UntracedReason::kFreeThreaded, version);
    return 1;
  }
  *args.module_init = make_native_module;
  if (g_python.Py_IsInitialized() != 0) {
    // It runs for some time: begin_late() comes when somebody wants it.
    return start_attached(static_cast<ControlPage*>(args.control)) ? 0 : 1;
  }
  if (!add_audit_hook(on_audit)) {
    stay_untraced(UntracedReason::kInstallFailed, version);
    return 1;
  }
  watch_interpreters(interpreter_begins);
  store_release(args.on_thread_value, on_thread_value);
  return 0;
}

}  // namespace

bool enter_waiting_session() {
  if (load_acquire(&g_next_session.waits) == 0) {
    return true;
  }
  store_release(&g_next_session.waits, uint32_t{0});
  if (g_bootstrap.installed && is_traced()) {
    stop_recording();
  }
  forget_recording();
  g_bootstrap.installed = false;
  return enter_session(g_next_session.args, g_python.version);
}

bool begin_late() {
  if (g_bootstrap.installed) {
    return is_traced();
  }
  g_bootstrap.installed = true;
  const KeepErrno keep_errno;
  const PendingException pending;
  open_stacks_from_now_on(true);
  const bool installed = install_now();
  if (installed) {
    open_stacks_of_others();
    follow_started(true);
  }
  g_python.PyErr_Clear();
  return installed;
}

bool is_begun() { return g_bootstrap.installed; }

}  // namespace vtn::runtime

extern "C" __attribute__((visibility("default"))) int vtn_runtime_start(
    const vtn_runtime_args* args) {
  if (args->abi_version != VTN_RUNTIME_ABI_VERSION || args->size_bytes < sizeof(*args)) {
    return 1;
  }
  return vtn::runtime::start(*args);
}

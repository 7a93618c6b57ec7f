// SPDX-License-Identifier: Apache-2.0
//
// How the tracer gets into an interpreter: an audit hook, added before the interpreter starts, that
// is armed at `cpython.run_*`, installs the tracer right before the program's own first frame, and
// takes itself out again. No import of the interpreter's own start is recorded, nothing of the
// program is missed, and what the hook would cost every audited call (id(), f.__code__, deepcopy)
// is paid by nobody.
//
// Which moment is right was found out by running 3.10 to 3.15 in every mode:
//  script, -c, stdin, REPL   the first `exec` or `marshal.load*` event without a frame on the stack
//  -m, directory, zipapp     the first `exec` of code that is not frozen, below runpy's
//                            _run_module_as_main as the outermost frame
//  an embedder               any `exec` without a frame, or the first thread, once initialised
#include <string.h>

#include "base/freestanding/atomic.h"
#include "runtime/backends.h"
#include "runtime/functions.h"
#include "runtime/process.h"
#include "runtime/profile_threads.h"
#include "runtime/python_api.h"
#include "runtime/text.h"
#include "tracer/names_writer.h"

namespace vtn {

namespace {

constexpr uint32_t kFirstVersion = 0x030a0000;
constexpr uint32_t kMonitoringMinor = 12;

// A node of CPython's list of audit hooks: next, function, user data. It has to come from the raw
// allocator, but that may be another one by the time the interpreter frees it (-X dev,
// PYTHONMALLOC=debug): so it is our own memory, handed out and taken back by a stand-in.
alignas(16) char g_hook_node[64];

struct {
  bool node_given;
  bool armed;
  bool installed;
  char mode;  // of cpython.run_<mode>
  PyAllocator allocator;
  void (*free_before)(void*, void*);
} g_bootstrap;

void* allocate_node(void*, size_t bytes) {
  if (!g_bootstrap.node_given && bytes <= sizeof(g_hook_node)) {
    g_bootstrap.node_given = true;
    return g_hook_node;
  }
  return g_bootstrap.allocator.malloc(g_bootstrap.allocator.context, bytes);
}

void free_but_node(void* context, void* block) {
  if (block != g_hook_node) {
    g_bootstrap.free_before(context, block);
  }
}

int on_audit(const char* event, PyObject* arguments, void*);

bool add_hook() {
  g_python.PyMem_GetAllocator(kAllocatorRaw, &g_bootstrap.allocator);
  PyAllocator stand_in = g_bootstrap.allocator;
  stand_in.malloc = allocate_node;
  g_python.PyMem_SetAllocator(kAllocatorRaw, &stand_in);
  const int result = g_python.PySys_AddAuditHook(on_audit, nullptr);
  g_python.PyMem_SetAllocator(kAllocatorRaw, &g_bootstrap.allocator);
  return result == 0;
}

// The interpreter is about to free its hooks and ours is still among them.
void survive_clearing() {
  if (!g_bootstrap.node_given) {
    return;
  }
  PyAllocator allocator;
  g_python.PyMem_GetAllocator(kAllocatorRaw, &allocator);
  g_bootstrap.free_before = allocator.free;
  allocator.free = free_but_node;
  g_python.PyMem_SetAllocator(kAllocatorRaw, &allocator);
}

// The list's head is the one word of _PyRuntime that holds our node's address; what comes behind
// us stays. With somebody's hook before ours there is no such word: then we stay as well.
bool remove_hook() {
  if (!g_bootstrap.node_given || g_python._PyRuntime == nullptr) {
    return false;
  }
  auto* words = static_cast<uintptr_t*>(const_cast<void*>(g_python._PyRuntime));
  const size_t count = g_python.runtime_state_bytes / sizeof(uintptr_t);
  const auto node = reinterpret_cast<uintptr_t>(g_hook_node);
  for (size_t i = 0; i < count; ++i) {
    if (words[i] == node) {
      words[i] = *reinterpret_cast<uintptr_t*>(g_hook_node);
      return true;
    }
  }
  return false;
}

// Under a JIT that corrupts locals when a tool is active, tracing would break the program.
bool jit_corrupts() {
  if (g_python.minor != 14) {
    return false;
  }
  PyObject* jit = g_python.PySys_GetObject("_jit");
  if (jit == nullptr) {
    return false;
  }
  const PyRef enabled = PyRef::steal(g_python.PyObject_CallMethod(jit, "is_enabled", nullptr));
  return enabled && g_python.PyLong_AsLong(enabled.get()) == 1;
}

bool install_backend(bool with_c_functions) {
  if (g_python.minor >= kMonitoringMinor) {
    set_backend(Backend::kMonitoring);
    if (install_monitoring(with_c_functions)) {
      return true;
    }
  } else if (g_python.minor == 11 && !with_c_functions) {
    set_backend(Backend::kEvalFrame);
    if (install_eval_frame()) {
      return true;
    }
  }
  set_backend(Backend::kProfile);
  return install_profile(with_c_functions);
}

void install() {
  g_bootstrap.installed = true;
  const KeepErrno keep_errno;
  const PendingException pending;
  const bool hook_gone = remove_hook();
  if (const char* wrong = check_layout(); wrong != nullptr) {
    stay_untraced(UntracedReason::kSelfTest, g_python.version);
    return;
  }
  if (jit_corrupts()) {
    stay_untraced(UntracedReason::kJit, g_python.version);
    return;
  }
  g_python.PyErr_Clear();
  const auto find_object = reinterpret_cast<int (*)(void*, void*)>(find_symbol("_dl_find_object"));
  if (!start_functions(find_object) || !install_backend(!session_option(kOptionIgnoreCFunctions))) {
    g_python.PyErr_Clear();
    stay_untraced(UntracedReason::kInstallFailed, g_python.version);
    return;
  }
  g_python.PyErr_Clear();
  (void)current_thread();  // the process is known even if it never calls anything
  if (!hook_gone) {
    (void)publish_text(NameRecord::kNote, static_cast<uint32_t>(NoteKind::kAuditHookStays), Text{});
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

bool is_frozen(PyObject* code) {
  if (code == nullptr || type_of(code) != g_python.PyCode_Type) {
    return false;
  }
  const PyRef file = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_filename"));
  const Utf8 text(file.get());
  constexpr char kFrozen[] = "<frozen";
  return text.text().bytes >= sizeof(kFrozen) - 1 &&
         memcmp(text.text().data, kFrozen, sizeof(kFrozen) - 1) == 0;
}

// Whether the next frame is the program's own first one.
bool program_begins(const char* event, PyObject* arguments) {
  const bool exec = strcmp(event, "exec") == 0;
  if (!g_bootstrap.armed) {  // an embedder, so far
    return (exec && g_python.PyEval_GetFrame() == nullptr) || starts_with(event, "_thread.start_");
  }
  if (g_bootstrap.mode != 'm') {
    return (exec || starts_with(event, "marshal.load")) && g_python.PyEval_GetFrame() == nullptr;
  }
  if (!exec) {
    return starts_with(event, "_thread.start_");
  }
  const PendingException pending;
  const bool begins =
      !is_frozen(g_python.PyTuple_GetItem(arguments, 0)) && below_run_module_as_main();
  g_python.PyErr_Clear();
  return begins;
}

int on_audit(const char* event, PyObject* arguments, void*) {
  // Called for every audited operation until the program begins, and for ever where it must stay:
  // the first letters tell almost all of them apart.
  switch (event[0]) {
    case 'c':
      if (!starts_with(event, "cpython.")) {
        break;
      }
      if (starts_with(event, "cpython.run_")) {
        g_bootstrap.armed = true;
        g_bootstrap.mode = event[sizeof("cpython.run_") - 1];
      } else if (strcmp(event, "cpython._PySys_ClearAuditHooks") == 0) {
        survive_clearing();
      }
      break;
    case 'e':
    case 'm':
    case '_':
      if (!g_bootstrap.installed && g_python.Py_IsInitialized() != 0 &&
          program_begins(event, arguments)) {
        install();
      }
      break;
    default:
      break;
  }
  return 0;
}

int start(const vtn_runtime_args& args) {
  if (!enter_session(args)) {
    return 1;
  }
  const auto get_version =
      reinterpret_cast<const char* (*)()>(args.dlsym_fn(args.python, "Py_GetVersion"));
  const uint32_t version = get_version == nullptr ? 0 : parse_python_version(get_version());
  if (version < kFirstVersion) {
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
  if (!add_hook()) {
    stay_untraced(UntracedReason::kInstallFailed, version);
    return 1;
  }
  store_release(args.on_thread_value, on_thread_value);
  return 0;
}

}  // namespace

}  // namespace vtn

extern "C" __attribute__((visibility("default"))) int vtn_runtime_start(
    const vtn_runtime_args* args) {
  if (args->abi_version != VTN_RUNTIME_ABI_VERSION || args->size_bytes < sizeof(*args)) {
    return 1;
  }
  return vtn::start(*args);
}

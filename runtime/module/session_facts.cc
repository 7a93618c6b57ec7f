// SPDX-License-Identifier: Apache-2.0
#include "runtime/module/session_facts.h"

#include <sys/syscall.h>

#include "base/freestanding/atomic.h"
#include "base/freestanding/pages.h"
#include "base/freestanding/syscalls.h"
#include "runtime/entry/interpreters.h"
#include "runtime/entry/process.h"
#include "runtime/module/arguments_check.h"
#include "tracer/clock.h"
#include "tracer/engine.h"

namespace vtn::runtime {

namespace {

constexpr uint64_t kLongestWaitNs = 20'000'000'000;
constexpr uint64_t kWaitStepNs = 2'000'000;
constexpr size_t kPathBytes = 4096;

struct NamedOption {
  const char* name;
  SessionOption option;
};
constexpr NamedOption kOptions[] = {
    {"ignore_c_function", kOptionIgnoreCFunctions},
    {"ignore_frozen", kOptionIgnoreFrozen},
    {"log_func_args", kOptionArguments},
    {"log_func_retval", kOptionReturnValues},
    {"log_gc", kOptionLogGc},
    {"log_print", kOptionLogPrint},
    {"log_exception", kOptionLogExceptions},
    {"log_sparse", kOptionLogSparse},
    {"ignore_multiprocess", kOptionOnlyProgram},
};

// Where a link in the session's folder leads; "" where there is none.
PyRef target_of(const char* name) {
  char link[kPathBytes];
  char target[kPathBytes];
  long length = 0;
  if (session_file(name, link, sizeof(link))) {
    length = raw_syscall(SYS_readlink,
                         reinterpret_cast<long>(link),
                         reinterpret_cast<long>(target),
                         static_cast<long>(sizeof(target)));
  }
  return PyRef::steal(
      g_python.PyUnicode_Decode(target, length > 0 ? length : 0, "utf-8", "surrogateescape"));
}

// The chunks of this process that are full and wait for the collector.
class FullChunks {
 public:
  FullChunks() : arena_(tracer::g_engine.arena) {
    bytes_ = arena_.geometry.chunk_count * sizeof(uint32_t);
    chunks_ = static_cast<uint32_t*>(map_pages(bytes_));
    for (uint32_t i = 0; chunks_ != nullptr && i < arena_.geometry.chunk_count; ++i) {
      if (is_full(i)) {
        chunks_[count_++] = i;
      }
    }
  }
  ~FullChunks() {
    if (chunks_ != nullptr) {
      unmap_pages(chunks_, bytes_);
    }
  }
  FullChunks(const FullChunks&) = delete;
  FullChunks& operator=(const FullChunks&) = delete;

  bool known() const { return chunks_ != nullptr; }
  // Whether some are left. One that was filled once more since then is waited for, too.
  bool any() {
    while (count_ != 0 && !is_full(chunks_[count_ - 1])) {
      --count_;
    }
    return count_ != 0;
  }

 private:
  bool is_full(uint32_t chunk) const {
    const uint64_t owner = load_acquire(&arena_.headers[chunk].owner);
    return chunk_state(owner) == ChunkState::kFull &&
           chunk_process(owner) == tracer::g_engine.root->process;
  }

  const tracer::Arena& arena_;
  uint32_t* chunks_ = nullptr;
  size_t bytes_ = 0;
  uint32_t count_ = 0;
};

}  // namespace

PyObject* flush(PyObject*, PyObject*) {
  if (!is_traced()) {
    return new_none();
  }
  tracer::ensure_process();
  if (tracer::g_engine.root->process >= kMaxProcesses) {
    return new_none();  // it has no place in the recording
  }
  if (others_may_record()) {
    tracer::finish_chunk_of(tracer::current_thread());
  } else {
    tracer::finish_all_chunks();
  }
  FullChunks full;
  if (!full.known()) {
    return raise(Raise::kRuntimeError, "there is no memory to see the recording through");
  }
  ControlPage* const control = tracer::g_engine.arena.control;
  const uint64_t began_ns = tracer::monotonic_ns();
  PyThread* const state = g_python.PyEval_SaveThread();
  bool in_time = true;
  while (full.any()) {
    if (tracer::monotonic_ns() - began_ns > kLongestWaitNs ||
        load_relaxed(&control->state) == static_cast<uint32_t>(SessionState::kNoCollector)) {
      in_time = false;
      break;
    }
    const uint32_t freed = load_acquire(&control->freed_chunks);
    if (full.any()) {
      futex_wait(&control->freed_chunks, freed, kWaitStepNs);
    }
  }
  g_python.PyEval_RestoreThread(state);
  return in_time ? new_none()
                 : raise(Raise::kRuntimeError, "the process that records does not answer");
}

PyObject* session_info(PyObject*, PyObject*) {
  const PyRef launcher = target_of(kLauncherLinkName);
  const PyRef recording = target_of(kSpoolLinkName);
  return launcher && recording
             ? g_python.Py_BuildValue(
                   "{sOsO}", "launcher", launcher.get(), "recording", recording.get())
             : nullptr;
}

PyObject* session_settings_told(PyObject*, PyObject*) {
  const PyRef told = PyRef::steal(g_python.PyDict_New());
  for (const NamedOption& one : kOptions) {
    PyObject* const value = is_traced() && session_option(one.option) ? g_python._Py_TrueStruct
                                                                      : g_python._Py_FalseStruct;
    if (!told || g_python.PyDict_SetItemString(told.get(), one.name, value) != 0) {
      return nullptr;
    }
  }
  g_python.Py_IncRef(told.get());
  return told.get();
}

}  // namespace vtn::runtime

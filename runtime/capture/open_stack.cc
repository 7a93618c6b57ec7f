// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/open_stack.h"

#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/freestanding/pages.h"
#include "base/freestanding/syscalls.h"
#include "runtime/capture/backends.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/thread_part.h"
#include "runtime/entry/interpreters.h"
#include "runtime/python/frames.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "tracer/clock.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

namespace {

constexpr PySize kMostStateBytes = 512;  // of a thread state, searched
// Of glibc's struct pthread, whose address is the thread pointer (nptl/descr.h: tid).
constexpr PySize kKernelIdInThread = 0x2d0;
constexpr uint32_t kMostFrames = 1u << 16;

struct {
  bool process_is_late;
  uint64_t from_ticks;
} g_open_stack;

// Ids of the frames that are recorded, the innermost first.
class OpenFrames {
 public:
  // `other`: of that thread, which does not run; null: of the current one.
  explicit OpenFrames(tracer::ThreadState* thread, PyThread* other = nullptr)
      : thread_(thread), ids_(static_cast<uint32_t*>(map_pages(kBytes))) {
    if (ids_ == nullptr) {
      return;
    }
    find_globals();
    if (other != nullptr) {
      read_objects(g_python.PyThreadState_GetFrame(other));
    } else if (g_chain.previous == 0) {
      PyFrame* const frame = g_python.PyEval_GetFrame();
      g_python.Py_IncRef(reinterpret_cast<PyObject*>(frame));
      read_objects(frame);
    } else if (const PyThread* const state = current_thread_state();
               state != nullptr && find_current_frame(state)) {
      read_chain(state);
    }
  }
  ~OpenFrames() {
    if (ids_ != nullptr) {
      unmap_pages(ids_, kBytes);
    }
  }
  OpenFrames(const OpenFrames&) = delete;
  OpenFrames& operator=(const OpenFrames&) = delete;

  uint32_t count() const { return count_; }
  uint32_t id(uint32_t i) const { return ids_[i]; }
  // What the innermost frame, if it is recorded, has as ids.
  const CodeIds& innermost() const { return innermost_; }

 private:
  static constexpr size_t kBytes = kMostFrames * sizeof(uint32_t);

  // Where the frame that runs now has its globals, the others have theirs.
  void find_globals() {
    const PyFrame* const own = g_python.PyEval_GetFrame();
    const intptr_t place = names_of_frame(g_python.minor).globals;
    if (own != nullptr &&
        field<PyObject*>(frame_of_object(own), place) == g_python.PyEval_GetGlobals()) {
      globals_ = place;
    }
  }

  // `frame`: the interpreter's, of that code, which may be met here first: filters ask for its
  // module.
  void add(PyObject* code, const void* frame, bool first) {
    PyObject* const globals = globals_ == 0 ? nullptr : field<PyObject*>(frame, globals_);
    const CodeIds ids = code_ids(thread_, code, globals);
    if (first) {
      innermost_ = ids;
    }
    // Who runs in a generator's frame goes on: it was called before.
    if (is_recorded(ids.id)) {
      ids_[count_++] = ids.resumed_id;
    }
  }

  void read_chain(const PyThread* state) {
    bool first = true;
    for (const void* frame = current_frame(state); frame != nullptr && count_ < kMostFrames;
         frame = field<const void*>(frame, g_chain.previous)) {
      PyObject* const code = code_of_frame(frame);
      if (!runs_nothing(frame) && code != nullptr && type_of(code) == g_python.PyCode_Type) {
        add(code, frame, first);
        first = false;
      }
    }
  }

  // Takes the reference.
  void read_objects(PyFrame* frame) {
    for (bool first = true; frame != nullptr && count_ < kMostFrames; first = false) {
      const PyRef held = PyRef::steal(reinterpret_cast<PyObject*>(frame));
      const PyRef code = PyRef::steal(g_python.PyFrame_GetCode(frame));
      add(code.get(), frame_of_object(frame), first);
      frame = g_python.PyFrame_GetBack(frame);
    }
  }

  tracer::ThreadState* thread_;
  uint32_t* ids_;
  uint32_t count_ = 0;
  intptr_t globals_ = 0;  // 0: not known
  CodeIds innermost_ = {};
};

bool is_closed(const ThreadPart* part) {
  const bool unseen = part->met == 0 && g_open_stack.process_is_late;
  return unseen || part->stack_is_closed != 0;
}

// Whether its calls are to be opened, which is then done by whoever asks.
bool take_closed_stack(ThreadPart* part) {
  const bool closed = is_closed(part);
  part->met = 1;
  part->stack_is_closed = 0;
  return closed;
}

// Where thread states have CPython's number of their thread, which is its address here; 0: not
// found.
PySize find_thread_id() {
  const PyThread* const state = g_python.PyThreadState_Get();
  const unsigned long own = g_python.PyThread_get_thread_ident();
  PySize offset = sizeof(void*);
  while (offset < kMostStateBytes && field<unsigned long>(state, offset) != own) {
    offset += sizeof(void*);
  }
  return offset < kMostStateBytes ? offset : 0;
}

// The kernel's number of a thread, 0: it cannot be had. A thread that has ended may have left its
// state behind, and glibc has unmapped what that leads to: the kernel reads it for us.
uint32_t number_in_thread(uint64_t thread_pointer) {
  uint32_t number = 0;
  const iovec to = {&number, sizeof(number)};
  const iovec from = {reinterpret_cast<void*>(thread_pointer + kKernelIdInThread), sizeof(number)};
  return raw_syscall(SYS_process_vm_readv,
                     raw_syscall(SYS_getpid),
                     reinterpret_cast<long>(&to),
                     1,
                     reinterpret_cast<long>(&from),
                     1,
                     0) == sizeof(number)
             ? number
             : 0;
}

uint32_t kernel_thread_id(const PyThread* state, PySize thread_id) {
  return thread_state_has_kernel_id(g_python.minor)
             ? static_cast<uint32_t>(field<unsigned long>(state, thread_id + 8))
             : number_in_thread(field<unsigned long>(state, thread_id));
}

bool lives(uint32_t tid) {
  return tid != 0 &&
         raw_syscall(SYS_tgkill, raw_syscall(SYS_getpid), static_cast<long>(tid), 0) == 0;
}

}  // namespace

void open_stacks_of_others() {
  const PendingException pending;
  const PyThread* const own = g_python.PyThreadState_Get();
  const PySize thread_id = find_thread_id();
  // What is right of the current thread is so of the others.
  const bool known =
      g_python.PyThreadState_GetFrame != nullptr && thread_id != 0 &&
      kernel_thread_id(own, thread_id) == static_cast<uint32_t>(raw_syscall(SYS_gettid));
  PyThread* state = known ? g_python.PyInterpreterState_ThreadHead(current_interpreter()) : nullptr;
  for (; state != nullptr; state = g_python.PyThreadState_Next(state)) {
    const uint32_t tid = state == own ? 0 : kernel_thread_id(state, thread_id);
    if (!lives(tid)) {
      continue;
    }
    tracer::ThreadState* const thread =
        tracer::register_other_thread(field<char*>(state, thread_id), tid);
    if (thread == nullptr || !take_closed_stack(part_of(thread))) {
      continue;
    }
    const OpenFrames frames(thread, state);
    for (uint32_t i = frames.count(); i-- > 0;) {
      tracer::record_at(thread, g_open_stack.from_ticks, EventKind::kEnter, frames.id(i));
    }
  }
  g_python.PyErr_Clear();
}

void open_stacks_from_now_on(bool process_is_late) {
  g_open_stack.process_is_late = g_open_stack.process_is_late || process_is_late;
  g_open_stack.from_ticks = tracer::read_ticks(tracer::g_engine.clock);
}

void stack_was_closed(tracer::ThreadState* thread) {
  part_of(thread)->stack_is_closed = 1;
  tracer::ask_for_visits(thread, 0);
}

bool stack_is_closed(tracer::ThreadState* thread) { return is_closed(part_of(thread)); }

void open_stack(tracer::ThreadState* thread, EventKind kind, uint32_t id) {
  if (!take_closed_stack(part_of(thread))) {
    return;
  }
  const KeepErrno keep_errno;
  const PendingException pending;
  const OpenFrames frames(thread);
  // A call that begins is in its frame already, unless an evaluation function is about to run it.
  const bool begins = kind == EventKind::kEnter && !eval_frame_installed() && frames.count() != 0 &&
                      (id == frames.innermost().id || id == frames.innermost().resumed_id);
  for (uint32_t i = frames.count(); i-- > (begins ? 1u : 0u);) {
    tracer::record_at(thread, g_open_stack.from_ticks, EventKind::kEnter, frames.id(i));
  }
  g_python.PyErr_Clear();
}

void open_stack_now(tracer::ThreadState* thread, uint32_t id) {
  // Registering wipes what is known of the thread.
  if (thread->registered == 0 && tracer::register_thread()->registered == 0) {
    return;
  }
  open_stack(thread, EventKind::kEnter, id);
}

}  // namespace vtn::runtime

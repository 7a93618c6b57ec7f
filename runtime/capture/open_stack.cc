// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/open_stack.h"

#include "base/freestanding/pages.h"
#include "runtime/capture/backends.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/thread_part.h"
#include "runtime/python/frames.h"
#include "runtime/python/text.h"
#include "tracer/clock.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

namespace {

constexpr uint32_t kMostFrames = 1u << 16;

struct {
  bool process_is_late;
  uint64_t from_ticks;
} g_open_stack;

// Ids of the frames that are recorded, the innermost first.
class OpenFrames {
 public:
  explicit OpenFrames(tracer::ThreadState* thread)
      : thread_(thread), ids_(static_cast<uint32_t*>(map_pages(kBytes))) {
    if (ids_ == nullptr) {
      return;
    }
    if (g_chain.previous == 0) {
      read_objects();
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

  void add(PyObject* code, bool first) {
    const CodeIds ids = code_ids(thread_, code);
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
      const bool runs_nothing =
          g_chain.owner != 0 && field<unsigned char>(frame, g_chain.owner) >= kOwnerInterpreter;
      if (!runs_nothing && code != nullptr && type_of(code) == g_python.PyCode_Type) {
        add(code, first);
        first = false;
      }
    }
  }

  void read_objects() {
    PyFrame* frame = g_python.PyEval_GetFrame();
    g_python.Py_IncRef(reinterpret_cast<PyObject*>(frame));
    for (bool first = true; frame != nullptr && count_ < kMostFrames; first = false) {
      const PyRef held = PyRef::steal(reinterpret_cast<PyObject*>(frame));
      const PyRef code = PyRef::steal(g_python.PyFrame_GetCode(frame));
      add(code.get(), first);
      frame = g_python.PyFrame_GetBack(frame);
    }
  }

  tracer::ThreadState* thread_;
  uint32_t* ids_;
  uint32_t count_ = 0;
  CodeIds innermost_ = {};
};

}  // namespace

void open_stacks_from_now_on(bool process_is_late) {
  g_open_stack.process_is_late = g_open_stack.process_is_late || process_is_late;
  g_open_stack.from_ticks = tracer::read_ticks(tracer::g_engine.clock);
}

void stack_was_closed(tracer::ThreadState* thread) {
  part_of(thread)->stack_is_closed = 1;
  tracer::ask_for_visits(thread, 0);
}

void open_stack(tracer::ThreadState* thread, EventKind kind, uint32_t id) {
  ThreadPart* const part = part_of(thread);
  const bool unseen = part->met == 0 && g_open_stack.process_is_late;
  part->met = 1;
  if (!unseen && part->stack_is_closed == 0) {
    return;
  }
  part->stack_is_closed = 0;
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

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// Marks: what happens at a point in time, on the track of the thread that it happens in, and values
// of a number over time (NoteKind::kInstant, kCounter). A mark has a name, and values that are told
// of as those of calls are (values.h).
//
// All need the GIL, but for texts and numbers that are no objects; may leave an error set: use
// under PendingException and KeepErrno.
#pragma once

#include "abi/event_abi.h"
#include "runtime/python/python_api.h"
#include "tracer/engine.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

enum class MarkKind { kInstant, kCounter };

// The id of a mark's name; `category` says what logs it: "variable", "audit", ... The same texts
// have the same id, for the life of the process and not in a forked child. Takes a hash of the
// texts: remember it where it is needed often.
// `flags`: FunctionFlag.
uint32_t mark_name(MarkKind kind, tracer::Text name, tracer::Text category, uint32_t flags = 0);

// Those of a dict, held while `visit(key, value)` tells of them: that may run code of the
// program's, if the user wants so.
template <class Visit>
void each_pair(PyObject* dict, const Visit& visit) {
  PySize position = 0;
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  while (g_python.PyDict_Next(dict, &position, &key, &value) != 0) {
    const PyRef held_key = PyRef::hold(key);
    const PyRef held = PyRef::hold(value);
    visit(key, value);
  }
}

// One mark, while its values are put together; then record() it.
class Mark {
 public:
  // `safely`: no code of the program runs for its values, whatever was asked for: where CPython
  // tells of what it would do (not in the handler of an event).
  explicit Mark(bool safely = false) : safely_(safely) {}

  enum class For { kItself, kCall };
  // `kCall`: with room for what record_for_call() adds.
  explicit Mark(For what) : most_(sizeof(bytes_) - (what == For::kCall ? sizeof(uint32_t) : 0)) {}

  // A value with an empty name is the mark's own: it is shown as "x = 3".
  void add(const char* name, PyObject* value);
  void add(tracer::Text name, PyObject* value);
  // By the name that the program gives it; what that says is secret is not told.
  void add_named(tracer::Text name, PyObject* value);
  // Those of a dict, whose keys are their names.
  void add_pairs(PyObject* values);
  // Several as one: as itself if there is but one, else as a tuple.
  void add_all(const char* name, PyObject* const* values, PySize count);
  void add_text(const char* name, tracer::Text text);
  // All of it or nothing: false, there is no room.
  bool add_whole(const char* name, tracer::Text text);
  void add_number(const char* name, int64_t number);
  // The first value of a NoteKind::kSpan.
  void add_span_length(uint64_t begin_ticks, uint64_t end_ticks) {
    add_number("ticks",
               static_cast<int64_t>(end_ticks > begin_ticks ? end_ticks - begin_ticks : 1));
  }
  void add_real(const char* name, double number);
  void add_redacted(tracer::Text name);
  void add_redacted(const char* name) { add_redacted({name, __builtin_strlen(name)}); }

  // `name` as mark_name() gave it for that kind. `ticks`: when it happened.
  void record(tracer::ThreadState* thread, MarkKind kind, uint32_t name, uint64_t ticks);
  void record_as(tracer::ThreadState* thread, NoteKind kind, uint32_t name, uint64_t ticks);
  // As a value of the innermost open call of that function (NoteKind::kCallValue).
  void record_for_call(tracer::ThreadState* thread,
                       uint32_t name,
                       uint64_t ticks,
                       uint32_t function);

 private:
  bool start_value(tracer::Text name);
  size_t room() const { return most_ - used_; }

  char bytes_[kMaxNoteBytes];  // the first are for its stamp
  size_t used_ = sizeof(uint64_t);
  size_t most_ = sizeof(bytes_);
  bool safely_ = false;
};

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of code with magic comments.
#include "runtime/variables/comment_marks.h"

#include <string.h>

#include "base/freestanding/pages.h"
#include "runtime/capture/control.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/thread_part.h"
#include "runtime/python/layout.h"
#include "runtime/python/text.h"
#include "runtime/values/own_code.h"
#include "runtime/values/values.h"
#include "runtime/variables/variables.h"

namespace vtn::runtime {

namespace {

// Frames of a thread that are between two instructions of which the first runs other code (a
// finalizer, an operator): as many are known at a time.
constexpr uint32_t kNotes = 64;
constexpr uint32_t kKeptMarks = 16;
constexpr char kCategory[] = "magic comment";

struct Note {
  const void* frame;
  const PyObject* code;
  uint32_t offset;
};

struct KeptMark {
  const void* frame;  // null: an empty place
  const PyObject* code;
  uint32_t offset;
  uint32_t below;
  uint32_t comment;
  MarkKind kind;
  uint32_t name;
  uint64_t ticks;
  Mark mark;
};

// Of a thread, in wiped pages, from its first comment of that kind until its end.
struct CommentMarks {
  Note notes[kNotes];
  uint32_t next_note;
  uint32_t next_kept;
  KeptMark kept[kKeptMarks];
};

CommentMarks* marks_of(tracer::ThreadState* thread) {
  if (__builtin_expect(part_of(thread)->comment_marks == nullptr, 0)) {
    part_of(thread)->comment_marks = map_wiped_pages(sizeof(CommentMarks));
  }
  return static_cast<CommentMarks*>(part_of(thread)->comment_marks);
}

Note* find_note(CommentMarks* marks, const void* frame) {
  for (Note& note : marks->notes) {
    if (note.frame == frame) {
      return &note;
    }
  }
  return nullptr;
}

void note_way(tracer::ThreadState* thread, const PyObject* code, const void* frame, uint32_t at) {
  CommentMarks* const marks = marks_of(thread);
  if (marks == nullptr) {
    return;
  }
  Note* note = find_note(marks, frame);
  if (note == nullptr) {
    note = find_note(marks, nullptr);
  }
  if (note == nullptr) {
    note = &marks->notes[marks->next_note++ % kNotes];
  }
  *note = {frame, code, at};
}

// The instruction before, if it was noted; it is not any more.
uint32_t take_note(tracer::ThreadState* thread, const PyObject* code, const void* frame) {
  auto* const marks = static_cast<CommentMarks*>(part_of(thread)->comment_marks);
  Note* const note = marks == nullptr ? nullptr : find_note(marks, frame);
  if (note == nullptr) {
    return kFromAnywhere;
  }
  const uint32_t offset = note->code == code ? note->offset : kFromAnywhere;
  *note = {};
  return offset;
}

// What was kept for the comment, in its order: recorded, or dropped.
void settle_kept(tracer::ThreadState* thread,
                 const PyObject* code,
                 const void* frame,
                 uint32_t comment,
                 bool record) {
  auto* const marks = static_cast<CommentMarks*>(part_of(thread)->comment_marks);
  for (uint32_t i = 0; marks != nullptr && i < kKeptMarks; ++i) {
    KeptMark& kept = marks->kept[(marks->next_kept + i) % kKeptMarks];
    if (kept.frame != frame || kept.code != code || kept.comment != comment) {
      continue;
    }
    if (record) {
      kept.mark.record(thread, kept.kind, kept.name, kept.ticks);
    }
    kept.frame = nullptr;
  }
}

// The fields of `args`, where it is a dict of texts, else as one.
void add_details(Mark* mark, PyObject* details) {
  if (details == g_python._Py_NoneStruct) {
    return;
  }
  PySize position = 0;
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  bool by_key = type_of(details) == g_python.PyDict_Type;
  while (by_key && g_python.PyDict_Next(details, &position, &key, &value) != 0) {
    by_key = type_of(key) == g_python.PyUnicode_Type;
  }
  if (!by_key) {
    mark->add("args", details);
    return;
  }
  for (position = 0; g_python.PyDict_Next(details, &position, &key, &value) != 0;) {
    const PyRef held_key = PyRef::hold(key);
    const PyRef held = PyRef::hold(value);
    const Utf8 name(key);
    char text[128];
    const size_t bytes = name.text().bytes < sizeof(text) ? name.text().bytes : sizeof(text) - 1;
    memcpy(text, name.text().data, bytes);
    text[bytes] = 0;
    if (is_secret_name(name.text())) {
      mark->add_redacted(text);
    } else {
      mark->add(text, held.get());
    }
  }
}

void tell_variable(tracer::ThreadState* thread, PyObject* name, PyObject* value, uint64_t ticks) {
  const Utf8 text(name);
  Mark mark;
  const bool secret = is_secret_name(text.text());
  const MarkKind kind = !secret && is_number(value) ? MarkKind::kCounter : MarkKind::kInstant;
  if (secret) {
    mark.add_redacted("");
  } else {
    mark.add("", value);
  }
  mark.record(thread, kind, mark_name(kind, text.text(), text_of(kCategory)), ticks);
}

void tell_instant(tracer::ThreadState* thread, PyObject* name, PyObject* details, uint64_t ticks) {
  const Utf8 text(name);
  Mark mark;
  add_details(&mark, details);
  mark.record(thread,
              MarkKind::kInstant,
              mark_name(MarkKind::kInstant, text.text(), text_of(kCategory)),
              ticks);
}

// What is raised is told in place of what was asked for.
void tell_failure(tracer::ThreadState* thread, const LoggedComment& comment, uint64_t ticks) {
  const PyRef exception = take_own_exception();
  if (!exception) {
    return;
  }
  Mark mark(/*safely=*/true);
  mark.add("raised", exception.get());
  mark.record(thread, MarkKind::kInstant, comment.failed, ticks);
}

void tell_comment(tracer::ThreadState* thread,
                  const LoggedComment& comment,
                  PyObject* code,
                  const void* frame,
                  uint32_t index) {
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  if (comment.expression.code == nullptr) {
    Mark mark;
    mark.record(thread, MarkKind::kInstant, comment.told, ticks);
    return;
  }
  const PyRef said = evaluate_comment(comment.expression, code, frame);
  // It may have forked, or ended the recording.
  thread = tracer::current_thread();
  const bool records = g_recording_clock != kPausedClock;
  if (!said && g_python.PyErr_Occurred() == nullptr) {
    tell_variables_untold("frames are not laid out as expected");
  }
  const bool holds = said && said.get() != g_python._Py_NoneStruct;
  if (comment.verb == CommentVerb::kLog && comment.binds) {
    settle_kept(thread, code, frame, index, holds && records);
  }
  if (!said) {
    tell_failure(thread, comment, ticks);
  } else if (holds && records) {
    if (comment.verb == CommentVerb::kLogVariable || comment.verb == CommentVerb::kLogInstant) {
      PyObject* const name = g_python.PyTuple_GetItem(said.get(), 0);
      PyObject* const value = g_python.PyTuple_GetItem(said.get(), 1);
      (comment.verb == CommentVerb::kLogVariable ? tell_variable : tell_instant)(
          thread, name, value, ticks);
    } else if (!comment.binds) {
      Mark mark;
      mark.record(thread, MarkKind::kInstant, comment.told, ticks);
    }
  }
}

}  // namespace

CodePlan* pass_points(tracer::ThreadState* thread,
                      CodePlan* plan,
                      PyObject* code,
                      const void* frame,
                      uint32_t offset) {
  const uint32_t from = plan->notes_ways ? take_note(thread, code, frame) : kFromAnywhere;
  for (auto index = static_cast<uint32_t>(find_point(plan, offset) - plan->points());
       plan != nullptr && index < plan->point_count && plan->points()[index].offset == offset;
       ++index) {
    const LoggedPoint point = plan->points()[index];
    if (point.comment == kNotedOnly) {
      note_way(tracer::current_thread(), code, frame, offset);
    } else if (point.from == kFromAnywhere || point.from == from ||
               (point.from_start && from == kFromAnywhere)) {
      // A child that it forks may free the plan while it runs.
      const LoggedComment comment = plan->comments()[point.comment];
      const PyRef held_code = PyRef::hold(comment.expression.code);
      const PyRef held_names = PyRef::hold(comment.expression.names);
      tell_comment(tracer::current_thread(), comment, code, frame, point.comment);
      g_python.PyErr_Clear();
      plan = plan_of(tracer::current_thread(), code);
    }
  }
  return plan;
}

void keep_mark(tracer::ThreadState* thread,
               const PyObject* code,
               const void* frame,
               const LoggedStore& store,
               const Mark& mark,
               MarkKind kind,
               uint32_t name,
               uint64_t ticks) {
  CommentMarks* const marks = marks_of(thread);
  if (marks == nullptr) {
    return;
  }
  KeptMark* place = nullptr;
  for (KeptMark& kept : marks->kept) {
    if (kept.frame == frame && kept.code == code && kept.offset == store.offset &&
        kept.below == store.below) {
      place = &kept;
    }
  }
  if (place == nullptr) {
    place = &marks->kept[marks->next_kept++ % kKeptMarks];
  }
  place->frame = frame;
  place->code = code;
  place->offset = store.offset;
  place->below = store.below;
  place->comment = store.comment;
  place->kind = kind;
  place->name = name;
  place->ticks = ticks;
  place->mark = mark;
}

void free_comment_marks(tracer::ThreadState* thread) {
  if (void* const marks = part_of(thread)->comment_marks; marks != nullptr) {
    part_of(thread)->comment_marks = nullptr;
    unmap_pages(marks, sizeof(CommentMarks));
  }
}

}  // namespace vtn::runtime

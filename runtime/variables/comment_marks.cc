// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of code with magic comments.
#include "runtime/variables/comment_marks.h"

#include <string.h>

#include "base/freestanding/pages.h"
#include "runtime/capture/control.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/thread_part.h"
#include "runtime/marks/made_names.h"
#include "runtime/python/layout.h"
#include "runtime/python/text.h"
#include "runtime/values/own_code.h"
#include "runtime/values/values.h"
#include "runtime/variables/comment_files.h"
#include "runtime/variables/variables.h"

namespace vtn::runtime {

namespace {

constexpr uint32_t kMostNotes = 4096;
constexpr uint32_t kMostKeptMarks = 1024;
constexpr uint32_t kFirstWaiting = 16;

// A frame that is between two instructions of which the first runs other code (a finalizer, an
// operator).
struct Note {
  const void* frame;
  const PyObject* code;
  uint32_t offset;
};

struct KeptMark {
  const void* frame;
  const PyObject* code;
  uint32_t offset;
  uint32_t below;
  uint32_t comment;
  MarkKind kind;
  uint32_t name;
  uint64_t ticks;
  Mark mark;
};

bool g_told_forgotten;

// What a thread has of a kind, in wiped pages, in the order in which it came. Frames that an
// exception ended leave theirs behind: where there are as many as may be, the older half goes.
template <class Item, uint32_t most>
class Waiting {
 public:
  uint32_t count() const { return count_; }
  Item& operator[](uint32_t index) { return items_[index]; }

  bool add(const Item& item) {
    if (count_ == room_ && !make_room()) {
      return false;
    }
    memcpy(static_cast<void*>(&items_[count_++]), &item, sizeof(Item));
    return true;
  }

  void remove(uint32_t index) {
    --count_;
    memmove(static_cast<void*>(&items_[index]),
            static_cast<void*>(&items_[index + 1]),
            (count_ - index) * sizeof(Item));
  }

  void free() {
    if (items_ != nullptr) {
      unmap_pages(items_, room_ * sizeof(Item));
    }
    *this = {};
  }

 private:
  bool make_room() {
    if (room_ == most) {
      tell_forgotten();
      count_ = most / 2;
      memcpy(static_cast<void*>(items_), &items_[most - count_], count_ * sizeof(Item));
      return true;
    }
    const uint32_t room = room_ == 0 ? kFirstWaiting : 2 * room_;
    auto* const items = static_cast<Item*>(map_wiped_pages(room * sizeof(Item)));
    if (items == nullptr) {
      return false;
    }
    if (items_ != nullptr) {
      memcpy(static_cast<void*>(items), items_, count_ * sizeof(Item));
      unmap_pages(items_, room_ * sizeof(Item));
    }
    items_ = items;
    room_ = room;
    return true;
  }

  static void tell_forgotten() {
    if (!g_told_forgotten) {
      g_told_forgotten = true;
      (void)tracer::publish_text(
          NameRecord::kNotice,
          static_cast<uint32_t>(NoticeKind::kCommentIgnored),
          text_of("in a thread where too much waits for the end of its statement, the older half"));
    }
  }

  Item* items_;
  uint32_t count_;
  uint32_t room_;
};

// From a thread's first comment of that kind until its end.
struct CommentMarks {
  Waiting<Note, kMostNotes> notes;
  Waiting<KeptMark, kMostKeptMarks> kept;
};

CommentMarks* marks_of(tracer::ThreadState* thread) {
  if (__builtin_expect(part_of(thread)->comment_marks == nullptr, 0)) {
    part_of(thread)->comment_marks = map_wiped_pages(sizeof(CommentMarks));
  }
  return static_cast<CommentMarks*>(part_of(thread)->comment_marks);
}

// The instruction before, if it was noted; it is not any more.
uint32_t take_note(tracer::ThreadState* thread, const PyObject* code, const void* frame) {
  auto* const marks = static_cast<CommentMarks*>(part_of(thread)->comment_marks);
  for (uint32_t i = marks == nullptr ? 0 : marks->notes.count(); i-- != 0;) {
    const Note note = marks->notes[i];
    if (note.frame == frame) {
      marks->notes.remove(i);
      return note.code == code ? note.offset : kFromAnywhere;
    }
  }
  return kFromAnywhere;
}

void note_way(tracer::ThreadState* thread, const PyObject* code, const void* frame, uint32_t at) {
  if (CommentMarks* const marks = marks_of(thread); marks != nullptr) {
    (void)marks->notes.add({frame, code, at});
  }
}

// What was kept for the comment, in its order: recorded, or dropped.
void settle_kept(tracer::ThreadState* thread,
                 const PyObject* code,
                 const void* frame,
                 uint32_t comment,
                 bool record) {
  auto* const marks = static_cast<CommentMarks*>(part_of(thread)->comment_marks);
  for (uint32_t i = 0; marks != nullptr && i < marks->kept.count();) {
    KeptMark& kept = marks->kept[i];
    if (kept.frame != frame || kept.code != code || kept.comment != comment) {
      ++i;
      continue;
    }
    if (record) {
      kept.mark.record(thread, kept.kind, kept.name, kept.ticks);
    }
    marks->kept.remove(i);
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

// Of a comment that has made too many: its own mark, with the name.
void tell_named(tracer::ThreadState* thread,
                const LoggedComment& comment,
                PyObject* name,
                PyObject* value,
                bool secret,
                uint64_t ticks) {
  Mark mark;
  mark.add("name", name);
  if (comment.verb == CommentVerb::kLogInstant) {
    add_details(&mark, value);
  } else if (secret) {
    mark.add_redacted("value");
  } else {
    mark.add("value", value);
  }
  mark.record(thread, MarkKind::kInstant, comment.failed, ticks);
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
  mark.record(thread, kind, mark_name(kind, text.text(), text_of(kCommentCategory)), ticks);
}

void tell_instant(tracer::ThreadState* thread, PyObject* name, PyObject* details, uint64_t ticks) {
  const Utf8 text(name);
  Mark mark;
  add_details(&mark, details);
  mark.record(thread,
              MarkKind::kInstant,
              mark_name(MarkKind::kInstant, text.text(), text_of(kCommentCategory)),
              ticks);
}

// Whether the comment may have a mark of that name.
bool may_name(PyObject* code, uint32_t index, tracer::Text name) {
  CodePlan* const plan = plan_of(tracer::current_thread(), code);
  if (plan == nullptr || index >= plan->comment_count) {
    return true;  // it is gone
  }
  LoggedComment& comment = plan->comments()[index];
  if (is_known_mark_name(name)) {
    return true;
  }
  if (comment.made_names == kMostMadeNames) {
    tell_too_many_names(code, comment.line);
  }
  comment.made_names += comment.made_names <= kMostMadeNames ? 1 : 0;
  return comment.made_names <= kMostMadeNames && know_mark_name(name);
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
      if (const Utf8 text(name); !may_name(code, index, text.text())) {
        tell_named(thread, comment, name, value, is_secret_name(text.text()), ticks);
        return;
      }
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
    if (point.comment == kNoComment) {
      note_way(tracer::current_thread(), code, frame, offset);
    } else if (point.from != kFromAnywhere && point.from != from &&
               !(point.from_start && from == kFromAnywhere)) {
      continue;
    } else if (point.begins) {
      settle_kept(tracer::current_thread(), code, frame, point.comment, false);
    } else {
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

void forget_way(tracer::ThreadState* thread, const void* frame) {
  (void)take_note(thread, nullptr, frame);
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
  const KeptMark kept = {
      frame, code, store.offset, store.below, store.comment, kind, name, ticks, mark};
  for (uint32_t i = 0; i < marks->kept.count(); ++i) {
    KeptMark& other = marks->kept[i];
    if (other.frame == frame && other.code == code && other.offset == store.offset &&
        other.below == store.below) {
      other = kept;
      return;
    }
  }
  (void)marks->kept.add(kept);
}

void free_comment_marks(tracer::ThreadState* thread) {
  auto* const marks = static_cast<CommentMarks*>(part_of(thread)->comment_marks);
  if (marks != nullptr) {
    part_of(thread)->comment_marks = nullptr;
    marks->notes.free();
    marks->kept.free();
    unmap_pages(marks, sizeof(CommentMarks));
  }
}

}  // namespace vtn::runtime

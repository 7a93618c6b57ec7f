// SPDX-License-Identifier: Apache-2.0
//
// Where the magic comments of a code object are told: found out once, when its plan is made
// (plans.h). A comment belongs to the lines of a statement (comments.h) and is told on the ways
// that lead into these lines, or out of them: in front of the instruction that such a way leads to.
// Loops within the statement, what an exception takes, and `break` and `continue` are no such ways.
//
// A way leads to that instruction from another. Where others lead there as well that are not meant
// (back to the head of a loop), all that may come before it are listed, too: which of them it was
// is noted as the code runs (comment_marks.h).
#pragma once

#include <stdint.h>

#include "runtime/variables/code_flow.h"
#include "runtime/variables/comment_files.h"

namespace vtn::runtime {

inline constexpr uint32_t kFromAnywhere = UINT32_MAX;
inline constexpr uint32_t kNoComment = UINT32_MAX;

struct LoggedPoint {
  uint32_t offset;   // of the instruction
  uint32_t from;     // of the one before it; kFromAnywhere
  uint32_t comment;  // among the plan's; kNoComment: it may come before another point
  bool from_start;   // `from` is where calls begin, of which the first is under way already
  bool begins;       // its statement begins: what was kept of a run that failed is dropped
};

// Whether a comment is told at points of its own.
enum class PointWish : uint8_t { kNone, kTold, kToldOfRuns };  // the last: what begins matters, too

// While the plan of a code is made: in time proportional to the code and to the lines that its
// comments belong to. Not to be copied.
class CodeComments {
 public:
  CodeComments() = default;
  ~CodeComments();
  CodeComments(const CodeComments&) = delete;
  CodeComments& operator=(const CodeComments&) = delete;

  // The comments that the code has: how many. 0 as well where it is not understood.
  uint32_t find(PyObject* code,
                const CommentedFile* file,
                const CodeText& text,
                StackEffect effect);

  uint32_t count() const { return count_; }
  const MagicComment& comment(uint32_t index) const { return own_[index].comment; }
  const CommentWish& wish(uint32_t index) const { return file_->wishes[own_[index].index]; }

  // The comment that wants what the instruction binds; kNoComment.
  uint32_t comment_of_store(uint32_t offset) const;

  // After that: how many points there are, in the order of offsets, and at one in that of comments;
  // those that `wish` asks for.
  using WishOf = PointWish (*)(uint32_t comment, void* argument);
  uint32_t find_points(WishOf wish, void* argument);
  const LoggedPoint* points() const { return points_; }

 private:
  struct Way {
    uint32_t from;  // units
    uint32_t to;
    WayKind kind;
  };

  struct Own {
    MagicComment comment;
    uint32_t index;  // in the file
  };

  bool take_scratch(size_t units, uint32_t comments);
  bool read_lines(PyObject* code, uint32_t first_line);
  void index_ways();
  void settle_lines(const SourceComments& found);
  void sort_by_line();
  void place(PyObject* code, uint32_t index);
  void find_stores_of_comments();
  uint32_t first_at(uint32_t line) const;
  bool widen_lines(const Way& way);
  bool is_within_lines(uint32_t unit, uint32_t first, uint32_t last) const;
  bool holds(const MagicComment& comment, uint32_t unit) const;
  bool cleans_up_behind(const MagicComment& comment, uint32_t unit) const;
  bool ends_by_itself(const MagicComment& comment, uint32_t unit) const;
  void follow_leaving(const MagicComment& comment);
  static bool enters_lines(const Way& way);
  bool follows_its_own(const MagicComment& comment, uint32_t unit) const;
  bool enters(const MagicComment& comment, const Way& way) const;
  bool is_told_on(const MagicComment& comment, const Way& way) const;
  void note_ways_into(uint32_t unit);
  template <class Visit>
  void visit_units(const MagicComment& comment, Visit&& visit) const;
  bool begins_on(const MagicComment& comment, const Way& way) const;
  template <class Visit>
  void visit_points(uint32_t index, bool begins, Visit&& visit);
  template <class Visit>
  void visit_all_points(WishOf wish, void* argument, Visit&& visit);

  const CommentedFile* file_ = nullptr;
  Own* own_ = nullptr;
  uint32_t count_ = 0;
  uint32_t units_ = 0;
  uint32_t start_ = 0;  // the unit at which a call begins, or the end
  // Of units; 0: none known. What has none of its own is of all lines that lead to it.
  uint32_t* lines_ = nullptr;
  uint32_t* last_lines_ = nullptr;
  uint32_t* raised_lines_ = nullptr;  // that of what raised what a handler has
  uint32_t* by_line_ = nullptr;       // units in the order of their lines
  uint32_t* store_comments_ = nullptr;
  Way* ways_ = nullptr;  // by `from`
  uint32_t way_count_ = 0;
  uint32_t* first_out_ = nullptr;  // of each unit, and of the end
  uint32_t* first_in_ = nullptr;   // likewise, in in_ways_
  uint32_t* in_ways_ = nullptr;
  uint32_t* arrivals_ = nullptr;    // ways that come to the unit
  uint32_t* told_ = nullptr;        // ways on which the comment at hand is told
  uint32_t* told_count_ = nullptr;  // of these, by the unit that they lead to
  uint32_t* pending_ = nullptr;
  uint8_t* facts_ = nullptr;       // of units, for good
  uint8_t* is_leaving_ = nullptr;  // of units, for the comment at hand
  LoggedPoint* points_ = nullptr;
  size_t point_bytes_ = 0;
  void* scratch_ = nullptr;
  size_t scratch_bytes_ = 0;
};

}  // namespace vtn::runtime

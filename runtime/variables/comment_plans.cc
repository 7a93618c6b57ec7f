// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/comment_plans.h"

#include <string.h>

#include "base/freestanding/pages.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "runtime/variables/code_lines.h"

namespace vtn::runtime {

namespace {

constexpr uint32_t kUnitBytes = 2;
constexpr uint32_t kWaysOfUnit = 4;
constexpr int kMostRounds = 64;

// Of a comment, for one target of ways.
enum Target : uint8_t {
  kIsTold = 1,
  kHasOtherWays = 2,
};
// Of a unit, for good.
constexpr uint8_t kLeavesCode = 4;
// What CPython puts behind a statement has the line of that: a return, and the end of a `finally`.
constexpr uint8_t kEndsCode = 8;
constexpr uint8_t kEndsFinally = 16;
constexpr uint8_t kCleansUp = 32;  // at the end of an `except`
constexpr uint8_t kIsNoted = 64;

bool lies_in(uint32_t line, uint32_t first, uint32_t last) { return line >= first && line <= last; }

// By offset, then in the order of the comments.
bool is_before(const LoggedPoint& one, const LoggedPoint& other) {
  return one.offset != other.offset ? one.offset < other.offset : one.comment < other.comment;
}

void sort(LoggedPoint* points, uint32_t count) {
  uint32_t gap = 1;
  while (gap < count / 3) {
    gap = 3 * gap + 1;
  }
  for (; gap != 0; gap /= 3) {
    for (uint32_t i = gap; i < count; ++i) {
      const LoggedPoint point = points[i];
      uint32_t at = i;
      for (; at >= gap && is_before(point, points[at - gap]); at -= gap) {
        points[at] = points[at - gap];
      }
      points[at] = point;
    }
  }
}

// Code that CPython makes of a part of a statement; in it no comment can stand.
bool is_part_of_statement(PyObject* code, bool* is_module) {
  const PyRef name = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_name"));
  const Utf8 text(name.get());
  *is_module = text.equals("<module>");
  return !*is_module &&
         (text.text().bytes == 0 || text.text().data[0] == '<' || text.equals("__annotate__"));
}

}  // namespace

CodeComments::~CodeComments() {
  if (scratch_ != nullptr) {
    unmap_pages(scratch_, scratch_bytes_);
  }
  if (points_ != nullptr) {
    unmap_pages(points_, point_bytes_);
  }
}

bool CodeComments::take_scratch(size_t units, uint32_t comments) {
  units_ = units;
  const size_t line_bytes = units * sizeof(uint32_t);
  const size_t way_bytes = kWaysOfUnit * units * sizeof(Way);
  scratch_bytes_ = 2 * line_bytes + way_bytes + comments * sizeof(Own) + (kWaysOfUnit + 2) * units;
  scratch_ = map_pages(scratch_bytes_);
  if (scratch_ == nullptr) {
    return false;
  }
  char* at = static_cast<char*>(scratch_);
  const auto carve = [&at](size_t bytes) {
    char* const place = at;
    at += bytes;
    return place;
  };
  own_ = reinterpret_cast<Own*>(carve(comments * sizeof(Own)));
  lines_ = reinterpret_cast<uint32_t*>(carve(line_bytes));
  raised_lines_ = reinterpret_cast<uint32_t*>(carve(line_bytes));
  ways_ = reinterpret_cast<Way*>(carve(way_bytes));
  told_ = reinterpret_cast<uint8_t*>(carve(kWaysOfUnit * units));
  target_ = reinterpret_cast<uint8_t*>(carve(units));
  is_leaving_ = reinterpret_cast<uint8_t*>(carve(units));
  return true;
}

// A comment behind the line that a function, class or lambda begins with is not of its body.
bool CodeComments::is_owner(const MagicComment& comment) const {
  return is_module_ || !lies_in(first_line_, comment.first, comment.last);
}

bool CodeComments::has_lines_of(const MagicComment& comment) const {
  for (size_t unit = 0; unit < units_; ++unit) {
    if (holds(comment, static_cast<uint32_t>(unit))) {
      return true;
    }
  }
  return false;
}

uint32_t CodeComments::find(PyObject* code,
                            const CommentedFile* file,
                            const CodeText& text,
                            StackEffect effect) {
  const SourceComments& found = file->found;
  if (is_part_of_statement(code, &is_module_) ||
      !take_scratch(text.bytes / kUnitBytes, found.comment_count)) {
    return 0;
  }
  file_ = file;
  const PyRef table = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_linetable"));
  const PyRef first = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_firstlineno"));
  char* bytes = nullptr;
  PySize size = 0;
  if (!table || !first || g_python.PyBytes_AsStringAndSize(table.get(), &bytes, &size) != 0) {
    return 0;
  }
  const long first_line = g_python.PyLong_AsLong(first.get());
  first_line_ = first_line > 0 ? static_cast<uint32_t>(first_line) : 0;
  read_code_lines(reinterpret_cast<const unsigned char*>(bytes),
                  static_cast<size_t>(size),
                  first_line_,
                  lines_,
                  units_);
  for (uint32_t i = 0; i < found.comment_count; ++i) {
    MagicComment comment = found.comments[i];
    bool has_it = false;
    while (comment.problem == nullptr && !(has_it = has_lines_of(comment)) &&
           slide(found, &comment)) {
    }
    if (has_it && is_owner(comment)) {
      own_[count_++] = {comment, i};
    }
  }
  const auto add_way = [](const FoundWay& way, void* argument) {
    auto* const self = static_cast<CodeComments*>(argument);
    self->ways_[self->way_count_++] = {way.from / kUnitBytes, way.to / kUnitBytes, way.kind};
  };
  if (count_ == 0 || !find_ways(g_python.minor, text, effect, add_way, this)) {
    count_ = 0;
    return 0;
  }
  for (start_ = 0;
       start_ < units_ && text.code[size_t{start_} * kUnitBytes] != resume_opcode(g_python.minor);
       ++start_) {
  }
  settle_lines(found);
  return count_;
}

// Instructions that have no line are of that of the one before, or of what raised.
void CodeComments::settle_lines(const SourceComments& found) {
  for (size_t i = 0; i < way_count_; ++i) {
    const Way& way = ways_[i];
    const LogicalLine* const line = line_at(found, lines_[way.from]);
    const uint32_t flags = line == nullptr ? 0 : line->flags;
    if (way.kind == WayKind::kReturns && (flags & kReturns) == 0) {
      target_[way.from] |= kEndsCode;
    } else if (way.kind == WayKind::kGoesOnRaising && (flags & kGoesOn) == 0) {
      target_[way.from] |= kEndsFinally;
    } else if (way.kind == WayKind::kReturns || way.kind == WayKind::kRaises) {
      target_[way.from] |= kLeavesCode;
    } else if (way.kind == WayKind::kPopsException && (flags & (kReturns | kLeavesLoop)) == 0) {
      target_[way.from] |= kCleansUp;
    }
  }
  bool changed = true;
  for (int round = 0; changed && round < kMostRounds; ++round) {
    changed = false;
    for (size_t i = 0; i < way_count_; ++i) {
      const Way& way = ways_[i];
      if (way.kind == WayKind::kGoesOn && (target_[way.from] & kCleansUp) != 0 &&
          (target_[way.to] & kCleansUp) == 0 && lines_[way.from] != 0 &&
          (lines_[way.to] == 0 || lines_[way.to] == lines_[way.from])) {
        target_[way.to] |= kCleansUp;
        changed = true;
      }
      if (lines_[way.to] != 0 || raised_lines_[way.to] != 0) {
        continue;
      }
      if (way.kind == WayKind::kGoesOn) {
        lines_[way.to] = lines_[way.from];
        raised_lines_[way.to] = raised_lines_[way.from];
      } else if (way.kind == WayKind::kIsRaised) {
        raised_lines_[way.to] = lines_[way.from] != 0 ? lines_[way.from] : raised_lines_[way.from];
      }
      changed = changed || lines_[way.to] != 0 || raised_lines_[way.to] != 0;
    }
  }
}

bool CodeComments::holds(const MagicComment& comment, uint32_t unit) const {
  return lies_in(lines_[unit], comment.first, comment.last);
}

// Whether the instruction, which has a line of the statement, comes behind it: the statement is the
// last of an `except`.
bool CodeComments::cleans_up_behind(const MagicComment& comment, uint32_t unit) const {
  if ((target_[unit] & kCleansUp) == 0 || !holds(comment, unit)) {
    return false;
  }
  const LogicalLine* const line = line_at(file_->found, lines_[unit]);
  return line != nullptr && !is_within(file_->found, line, kIsHandler, comment.first);
}

bool CodeComments::is_told_on(const MagicComment& comment, const Way& way) const {
  if (way.kind != WayKind::kGoesOn) {
    return false;
  }
  if (!comment.when_left) {
    return holds(comment, way.to) && !holds(comment, way.from) &&
           !lies_in(raised_lines_[way.from], comment.first, comment.last);
  }
  if (comment.into_first != 0) {
    return holds(comment, way.from) &&
           lies_in(lines_[way.to], comment.into_first, comment.into_last);
  }
  if (cleans_up_behind(comment, way.from)) {
    return false;
  }
  if (cleans_up_behind(comment, way.to)) {
    return is_leaving_[way.from] == 0;
  }
  if (holds(comment, way.to)) {
    return ends_by_itself(comment, way.to)
               ? is_leaving_[way.from] == 0 && is_leaving_[way.to] == 0
               : !comment.own_line && (target_[way.to] & kLeavesCode) != 0;
  }
  return holds(comment, way.from) && is_leaving_[way.from] == 0;
}

// Whether the instruction, which has a line of the statement, comes behind it: it ends the code, or
// a `finally` that the statement is the last of.
bool CodeComments::ends_by_itself(const MagicComment& comment, uint32_t unit) const {
  if ((target_[unit] & kEndsFinally) == 0) {
    return (target_[unit] & kEndsCode) != 0;
  }
  const LogicalLine* const line = line_at(file_->found, lines_[unit]);
  return line != nullptr && !is_within(file_->found, line, kIsFinally, comment.first);
}

// What a `return`, `break` or `continue` within the statement does until it has left that.
void CodeComments::follow_leaving(const MagicComment& comment) {
  for (size_t unit = 0; unit < units_; ++unit) {
    const LogicalLine* const line = holds(comment, static_cast<uint32_t>(unit)) && comment.own_line
                                        ? line_at(file_->found, lines_[unit])
                                        : nullptr;
    is_leaving_[unit] =
        line != nullptr && (line->flags & kLeavesFirst) != 0 &&
                ((line->flags & kReturns) != 0 || leaves(file_->found, line, comment.first))
            ? 1
            : 0;
  }
  bool changed = comment.own_line;
  for (int round = 0; changed && round < kMostRounds; ++round) {
    changed = false;
    for (size_t i = 0; i < way_count_; ++i) {
      const Way& way = ways_[i];
      if (way.kind == WayKind::kGoesOn && is_leaving_[way.from] != 0 && is_leaving_[way.to] == 0 &&
          holds(comment, way.to)) {
        is_leaving_[way.to] = 1;
        changed = true;
      }
    }
  }
}

uint32_t CodeComments::comment_of_store(uint32_t offset) const {
  for (uint32_t i = 0; i < count_; ++i) {
    if (wish(i).verb == CommentVerb::kLog && holds(comment(i), offset / kUnitBytes)) {
      return i;
    }
  }
  return kNone;
}

template <class Visit>
void CodeComments::visit_points(uint32_t index, Visit&& visit) {
  constexpr uint8_t kOfComment = kIsTold | kHasOtherWays;
  for (size_t i = 0; i < units_; ++i) {
    target_[i] &= static_cast<uint8_t>(~kOfComment);
  }
  follow_leaving(comment(index));
  for (size_t i = 0; i < way_count_; ++i) {
    told_[i] = is_told_on(comment(index), ways_[i]) ? 1 : 0;
    target_[ways_[i].to] |= told_[i] != 0 ? uint8_t{kIsTold} : uint8_t{0};
  }
  for (size_t i = 0; i < way_count_; ++i) {
    const bool arrives = ways_[i].kind == WayKind::kGoesOn || ways_[i].kind == WayKind::kIsRaised;
    if (arrives && told_[i] == 0 && (target_[ways_[i].to] & kIsTold) != 0) {
      target_[ways_[i].to] |= kHasOtherWays;
    }
  }
  for (size_t i = 0; i < way_count_; ++i) {
    const Way& way = ways_[i];
    uint8_t& target = target_[way.to];
    if ((target & kHasOtherWays) != 0 && way.kind == WayKind::kGoesOn) {
      target_[way.from] |= kIsNoted;
    }
    if (told_[i] == 0 || (target & kIsTold) == 0) {
      continue;
    }
    const bool from_anywhere = (target & kHasOtherWays) == 0;
    target &= from_anywhere ? static_cast<uint8_t>(~kIsTold) : uint8_t{0xff};
    visit(LoggedPoint{way.to * kUnitBytes,
                      from_anywhere ? kFromAnywhere : way.from * kUnitBytes,
                      index,
                      way.from == start_});
  }
}

uint32_t CodeComments::find_points(IsTold is_told, void* argument) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < count_; ++i) {
    if (is_told(i, argument)) {
      visit_points(i, [&](const LoggedPoint&) { ++count; });
    }
  }
  for (size_t unit = 0; unit < units_; ++unit) {
    count += (target_[unit] & kIsNoted) != 0 ? 1 : 0;
  }
  if (count == 0) {
    return 0;
  }
  point_bytes_ = count * sizeof(LoggedPoint);
  points_ = static_cast<LoggedPoint*>(map_pages(point_bytes_));
  if (points_ == nullptr) {
    return 0;
  }
  count = 0;
  for (uint32_t i = 0; i < count_; ++i) {
    if (is_told(i, argument)) {
      visit_points(i, [&](const LoggedPoint& point) { points_[count++] = point; });
    }
  }
  for (uint32_t unit = 0; unit < units_; ++unit) {
    if ((target_[unit] & kIsNoted) != 0) {
      points_[count++] = {unit * kUnitBytes, kFromAnywhere, kNotedOnly, false};
    }
  }
  sort(points_, count);
  return count;
}

}  // namespace vtn::runtime

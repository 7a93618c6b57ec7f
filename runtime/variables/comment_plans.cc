// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/comment_plans.h"

#include <string.h>

#include "base/freestanding/pages.h"
#include "runtime/python/versions.h"
#include "runtime/variables/code_lines.h"
#include "runtime/variables/code_parts.h"

namespace vtn::runtime {

namespace {

constexpr uint32_t kWaysOfUnit = 4;
constexpr int kMostRounds = 64;

// Of a unit.
enum Fact : uint8_t {
  kLeavesCode = 1,
  // What CPython puts behind a statement has the line of that: a return, and the end of a
  // `finally`.
  kEndsCode = 2,
  kEndsFinally = 4,
  kCleansUp = 8,  // at the end of an `except`
  kIsNoted = 16,
  kAllNoted = 32,  // what leads to it
  kIsPassed = 64,  // there is a point for the comment at hand
  kHasNoLine = 128,
};

bool lies_in(uint32_t line, uint32_t first, uint32_t last) { return line >= first && line <= last; }

// By offset, then in the order of the comments.
bool is_before(const LoggedPoint& one, const LoggedPoint& other) {
  return one.offset != other.offset ? one.offset < other.offset : one.comment < other.comment;
}

template <class Item, class IsBefore>
void sort(Item* items, uint32_t count, IsBefore&& comes_before) {
  uint32_t gap = 1;
  while (gap < count / 3) {
    gap = 3 * gap + 1;
  }
  for (; gap != 0; gap /= 3) {
    for (uint32_t i = gap; i < count; ++i) {
      const Item item = items[i];
      uint32_t at = i;
      for (; at >= gap && comes_before(item, items[at - gap]); at -= gap) {
        items[at] = items[at - gap];
      }
      items[at] = item;
    }
  }
}

// Where what a handler raises is handed on, without an exception to handle any more: COPY,
// POP_EXCEPT, RERAISE to the instruction that it has put by.
void take_lines_of_ends(const CodeText& text, uint32_t* lines) {
  const Instructions all(g_python.minor, text);
  for (uint32_t unit = 0; all.known() && unit < all.units();) {
    const Instruction copies = all.decode(unit);
    const bool has_three = copies.next + 2 <= all.units();
    if (has_three && copies.step == Step::kCopies &&
        all.decode(copies.next).step == Step::kPopsException) {
      const Instruction raises = all.decode(copies.next + 1);
      if (raises.step == Step::kEnds && raises.argument != 0) {
        lines[unit] = lines[copies.next] = lines[copies.next + 1] = 0;
      }
    }
    unit = copies.next;
  }
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
  constexpr size_t kWordsOfUnit = 10 + 2 * kWaysOfUnit;
  if (units >= UINT32_MAX / kWaysOfUnit) {
    return false;
  }
  units_ = static_cast<uint32_t>(units);
  const size_t places = units + 1;  // and where a call begins, if no instruction does that
  const size_t way_bytes = kWaysOfUnit * places * sizeof(Way);
  const size_t word_bytes = (kWordsOfUnit * places + 2) * sizeof(uint32_t);
  scratch_bytes_ = comments * sizeof(Own) + way_bytes + word_bytes + 2 * places;
  scratch_ = map_pages(scratch_bytes_);
  if (scratch_ == nullptr) {
    return false;
  }
  own_ = static_cast<Own*>(scratch_);
  ways_ = reinterpret_cast<Way*>(own_ + comments);
  auto* words = reinterpret_cast<uint32_t*>(ways_ + kWaysOfUnit * places);
  const auto carve = [&words](size_t count) {
    uint32_t* const place = words;
    words += count;
    return place;
  };
  lines_ = carve(places);
  last_lines_ = carve(places);
  raised_lines_ = carve(places);
  by_line_ = carve(places);
  store_comments_ = carve(places);
  first_out_ = carve(places + 1);
  first_in_ = carve(places + 1);
  in_ways_ = carve(kWaysOfUnit * places);
  arrivals_ = carve(places);
  told_ = carve(kWaysOfUnit * places);
  told_count_ = carve(places);
  pending_ = carve(places);
  facts_ = reinterpret_cast<uint8_t*>(words);
  is_leaving_ = facts_ + places;
  return true;
}

bool CodeComments::read_lines(PyObject* code, uint32_t first_line) {
  const PyRef table = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_linetable"));
  char* bytes = nullptr;
  PySize size = 0;
  if (!table || g_python.PyBytes_AsStringAndSize(table.get(), &bytes, &size) != 0) {
    return false;
  }
  read_code_lines(g_python.minor,
                  reinterpret_cast<const unsigned char*>(bytes),
                  static_cast<size_t>(size),
                  first_line,
                  lines_,
                  units_);
  return true;
}

void CodeComments::index_ways() {
  for (uint32_t i = 0; i < way_count_; ++i) {
    const Way& way = ways_[i];
    ++first_out_[way.from + 1];
    ++first_in_[way.to + 1];
    arrivals_[way.to] += way.kind == WayKind::kGoesOn || way.kind == WayKind::kIsRaised ? 1 : 0;
  }
  for (uint32_t unit = 0; unit <= units_; ++unit) {
    first_out_[unit + 1] += first_out_[unit];
    first_in_[unit + 1] += first_in_[unit];
  }
  for (uint32_t i = 0; i < way_count_; ++i) {
    const uint32_t to = ways_[i].to;
    in_ways_[first_in_[to] + pending_[to]++] = i;
  }
}

void CodeComments::sort_by_line() {
  for (uint32_t unit = 0; unit < units_; ++unit) {
    by_line_[unit] = unit;
  }
  sort(by_line_, units_, [this](uint32_t one, uint32_t other) {
    return lines_[one] != lines_[other] ? lines_[one] < lines_[other] : one < other;
  });
}

// In by_line_, the first unit of the line or of one behind it.
uint32_t CodeComments::first_at(uint32_t line) const {
  uint32_t low = 0;
  uint32_t high = units_;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (lines_[by_line_[middle]] < line) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

template <class Visit>
void CodeComments::visit_units(const MagicComment& comment, Visit&& visit) const {
  for (uint32_t i = first_at(comment.first); i < units_ && lines_[by_line_[i]] <= comment.last;
       ++i) {
    if (holds(comment, by_line_[i])) {
      visit(by_line_[i]);
    }
  }
}

void CodeComments::place(PyObject* code, uint32_t index) {
  MagicComment comment = file_->found.comments[index];
  const auto has_units = [&] {
    bool has = false;
    visit_units(comment, [&has](uint32_t) { has = true; });
    return has;
  };
  while (!has_units()) {
    if (!slide(file_->found, &comment)) {
      tell_comment_ignored(code, comment.line, "CPython makes no code of its statement");
      return;
    }
  }
  own_[count_++] = {comment, index};
}

void CodeComments::find_stores_of_comments() {
  for (uint32_t unit = 0; unit < units_; ++unit) {
    store_comments_[unit] = kNoComment;
  }
  for (uint32_t i = 0; i < count_; ++i) {
    if (wish(i).verb == CommentVerb::kLog) {
      visit_units(comment(i), [&](uint32_t unit) { store_comments_[unit] = i; });
    }
  }
}

uint32_t CodeComments::find(PyObject* code,
                            const CommentedFile* file,
                            const CodeText& text,
                            StackEffect effect) {
  bool is_module = false;
  if (is_part_of_statement(code, &is_module)) {
    return 0;
  }
  const SourceComments& found = file->found;
  const PyRef number = PyRef::steal(g_python.PyObject_GetAttrString(code, "co_firstlineno"));
  const long first = number ? g_python.PyLong_AsLong(number.get()) : 0;
  const uint32_t first_line = first > 0 ? static_cast<uint32_t>(first) : 0;
  const uint32_t definition = is_module ? kNoLine : definition_at(found, first_line);
  if (!is_module && definition == kNoLine) {
    return 0;
  }
  const CommentRange range = comments_of(found, definition);
  const auto is_own = [&](uint32_t index) {
    const MagicComment& comment = found.comments[index];
    return comment.problem == nullptr && comment.definition == definition;
  };
  uint32_t count = 0;
  for (uint32_t i = range.first; i < range.end; ++i) {
    count += is_own(i) ? 1 : 0;
  }
  const auto add_way = [](const FoundWay& way, void* argument) {
    auto* const self = static_cast<CodeComments*>(argument);
    self->ways_[self->way_count_++] = {way.from / kUnitBytes, way.to / kUnitBytes, way.kind};
  };
  if (count == 0 || !take_scratch(text.bytes / kUnitBytes, count) ||
      !read_lines(code, first_line) || !find_ways(g_python.minor, text, effect, add_way, this)) {
    return 0;
  }
  file_ = file;
  if (resume_opcode(g_python.minor) == 0) {
    ways_[way_count_++] = {units_, 0, WayKind::kGoesOn};
  }
  index_ways();
  for (start_ = 0;
       start_ < units_ && text.code[size_t{start_} * kUnitBytes] != resume_opcode(g_python.minor);
       ++start_) {
  }
  if (ends_of_handlers_have_lines(g_python.minor)) {
    take_lines_of_ends(text, lines_);
  }
  settle_lines(found);
  sort_by_line();
  for (uint32_t i = range.first; i < range.end; ++i) {
    if (is_own(i)) {
      place(code, i);
    }
  }
  find_stores_of_comments();
  return count_;
}

// False: where the way leads to had all of these lines before, or has one of its own.
bool CodeComments::widen_lines(const Way& way) {
  if ((facts_[way.to] & kHasNoLine) == 0 || raised_lines_[way.to] != 0) {
    return false;
  }
  const uint32_t first = lines_[way.from];
  const uint32_t last = last_lines_[way.from];
  const bool is_first = lines_[way.to] == 0;
  const bool widens = is_first || first < lines_[way.to] || last > last_lines_[way.to];
  lines_[way.to] = is_first || first < lines_[way.to] ? first : lines_[way.to];
  last_lines_[way.to] = last > last_lines_[way.to] ? last : last_lines_[way.to];
  return widens;
}

// Instructions that have no line are of that of those before, or of what raised.
void CodeComments::settle_lines(const SourceComments& found) {
  for (uint32_t unit = 0; unit <= units_; ++unit) {
    last_lines_[unit] = lines_[unit];
    facts_[unit] |= lines_[unit] == 0 ? uint8_t{kHasNoLine} : uint8_t{0};
  }
  for (uint32_t i = 0; i < way_count_; ++i) {
    const Way& way = ways_[i];
    const LogicalLine* const line = line_at(found, lines_[way.from]);
    const uint32_t flags = line == nullptr ? 0 : line->flags;
    if (way.kind == WayKind::kReturns && (flags & kReturns) == 0) {
      facts_[way.from] |= kEndsCode;
    } else if (way.kind == WayKind::kGoesOnRaising && (flags & kGoesOn) == 0) {
      facts_[way.from] |= kEndsFinally;
    } else if (way.kind == WayKind::kReturns || way.kind == WayKind::kRaises) {
      facts_[way.from] |= kLeavesCode;
    } else if (way.kind == WayKind::kPopsException && (flags & (kReturns | kLeavesLoop)) == 0) {
      facts_[way.from] |= kCleansUp;
    }
  }
  bool changed = true;
  for (int round = 0; changed && round < kMostRounds; ++round) {
    changed = false;
    for (uint32_t i = 0; i < way_count_; ++i) {
      const Way& way = ways_[i];
      if (way.kind == WayKind::kGoesOn && (facts_[way.from] & kCleansUp) != 0 &&
          (facts_[way.to] & kCleansUp) == 0 && lines_[way.from] != 0 &&
          (lines_[way.to] == 0 || lines_[way.to] == lines_[way.from])) {
        facts_[way.to] |= kCleansUp;
        changed = true;
      }
      if (way.kind == WayKind::kGoesOn && lines_[way.from] != 0) {
        changed = widen_lines(way) || changed;
        continue;
      }
      if (lines_[way.to] != 0 || raised_lines_[way.to] != 0) {
        continue;
      }
      if (way.kind == WayKind::kGoesOn) {
        raised_lines_[way.to] = raised_lines_[way.from];
      } else if (way.kind == WayKind::kIsRaised) {
        raised_lines_[way.to] = lines_[way.from] != 0 ? lines_[way.from] : raised_lines_[way.from];
      }
      changed = changed || raised_lines_[way.to] != 0;
    }
  }
}

// Whether lines may begin on it. From 3.11 on, instructions without a line come between what raises
// and the first line of the handler.
bool CodeComments::enters_lines(const Way& way) {
  return way.kind == WayKind::kGoesOn ||
         (way.kind == WayKind::kIsRaised && !handlers_begin_apart(g_python.minor));
}

bool CodeComments::is_within_lines(uint32_t unit, uint32_t first, uint32_t last) const {
  return lines_[unit] >= first && last_lines_[unit] <= last;
}

bool CodeComments::holds(const MagicComment& comment, uint32_t unit) const {
  return is_within_lines(unit, comment.first, comment.last);
}

// Whether the instruction, which has a line of the statement, comes behind it: the statement is the
// last of an `except`.
bool CodeComments::cleans_up_behind(const MagicComment& comment, uint32_t unit) const {
  if ((facts_[unit] & kCleansUp) == 0 || !holds(comment, unit)) {
    return false;
  }
  const LogicalLine* const line = line_at(file_->found, lines_[unit]);
  return line != nullptr && !is_within(file_->found, line, kIsHandler, comment.first);
}

// Whether another instruction of the statement leads to that one, so that it is not all there is of
// it.
bool CodeComments::follows_its_own(const MagicComment& comment, uint32_t unit) const {
  bool follows = false;
  for (uint32_t i = first_in_[unit]; i < first_in_[unit + 1]; ++i) {
    const uint32_t from = ways_[in_ways_[i]].from;
    follows = follows || (from != unit && holds(comment, from));
  }
  return follows;
}

// Whether the statement begins on it. What ends a `finally` has the line of the last statement
// there, also where that was passed by.
bool CodeComments::enters(const MagicComment& comment, const Way& way) const {
  return enters_lines(way) && holds(comment, way.to) && !holds(comment, way.from) &&
         ((facts_[way.to] & kEndsFinally) == 0 || !follows_its_own(comment, way.to));
}

bool CodeComments::is_told_on(const MagicComment& comment, const Way& way) const {
  if (!comment.when_left) {
    return enters(comment, way) && !lies_in(raised_lines_[way.from], comment.first, comment.last);
  }
  if (way.kind != WayKind::kGoesOn) {
    return false;
  }
  if (comment.into_first != 0) {
    return holds(comment, way.from) &&
           is_within_lines(way.to, comment.into_first, comment.into_last);
  }
  if (cleans_up_behind(comment, way.from)) {
    return false;
  }
  if (cleans_up_behind(comment, way.to)) {
    return is_leaving_[way.from] == 0;
  }
  if (holds(comment, way.to)) {
    return ends_by_itself(comment, way.to)
               ? (holds(comment, way.from) || !follows_its_own(comment, way.to)) &&
                     is_leaving_[way.from] == 0 && is_leaving_[way.to] == 0
               : !comment.own_line && (facts_[way.to] & kLeavesCode) != 0;
  }
  return holds(comment, way.from) && is_leaving_[way.from] == 0;
}

bool CodeComments::begins_on(const MagicComment& comment, const Way& way) const {
  return enters(comment, way) && !is_told_on(comment, way);
}

// Whether the instruction, which has a line of the statement, comes behind it: it ends the code, or
// a `finally` that the statement is the last of.
bool CodeComments::ends_by_itself(const MagicComment& comment, uint32_t unit) const {
  if ((facts_[unit] & kEndsFinally) == 0) {
    return (facts_[unit] & kEndsCode) != 0;
  }
  const LogicalLine* const line = line_at(file_->found, lines_[unit]);
  return line != nullptr && !is_within(file_->found, line, kIsFinally, comment.first);
}

// What a `return`, `break` or `continue` within the statement does until it has left that.
void CodeComments::follow_leaving(const MagicComment& comment) {
  uint32_t count = 0;
  visit_units(comment, [&](uint32_t unit) {
    const LogicalLine* const line =
        comment.own_line ? line_at(file_->found, lines_[unit]) : nullptr;
    if (line != nullptr && (line->flags & kLeavesFirst) != 0 &&
        ((line->flags & kReturns) != 0 || leaves(file_->found, line, comment.first))) {
      is_leaving_[unit] = 1;
      pending_[count++] = unit;
    }
  });
  while (count != 0) {
    const uint32_t unit = pending_[--count];
    for (uint32_t i = first_out_[unit]; i < first_out_[unit + 1]; ++i) {
      const Way& way = ways_[i];
      if (way.kind == WayKind::kGoesOn && is_leaving_[way.to] == 0 && holds(comment, way.to)) {
        is_leaving_[way.to] = 1;
        pending_[count++] = way.to;
      }
    }
  }
}

uint32_t CodeComments::comment_of_store(uint32_t offset) const {
  return count_ == 0 ? kNoComment : store_comments_[offset / kUnitBytes];
}

void CodeComments::note_ways_into(uint32_t unit) {
  if ((facts_[unit] & kAllNoted) != 0) {
    return;
  }
  facts_[unit] |= kAllNoted;
  for (uint32_t i = first_in_[unit]; i < first_in_[unit + 1]; ++i) {
    const Way& way = ways_[in_ways_[i]];
    facts_[way.from] |= enters_lines(way) ? uint8_t{kIsNoted} : uint8_t{0};
  }
}

template <class Visit>
void CodeComments::visit_points(uint32_t index, bool begins, Visit&& visit) {
  const MagicComment& of = comment(index);
  uint32_t count = 0;
  const auto look_at = [&](uint32_t way) {
    if (begins ? begins_on(of, ways_[way]) : is_told_on(of, ways_[way])) {
      told_[count++] = way;
      ++told_count_[ways_[way].to];
    }
  };
  follow_leaving(of);
  visit_units(of, [&](uint32_t unit) {
    for (uint32_t i = first_out_[unit]; i < first_out_[unit + 1]; ++i) {
      look_at(i);
    }
    for (uint32_t i = first_in_[unit]; i < first_in_[unit + 1]; ++i) {
      if (!holds(of, ways_[in_ways_[i]].from)) {
        look_at(in_ways_[i]);
      }
    }
  });
  for (uint32_t i = 0; i < count; ++i) {
    const Way& way = ways_[told_[i]];
    const bool from_anywhere = told_count_[way.to] == arrivals_[way.to];
    if (!from_anywhere) {
      note_ways_into(way.to);
    } else if ((facts_[way.to] & kIsPassed) != 0) {
      continue;
    }
    facts_[way.to] |= kIsPassed;
    visit(LoggedPoint{way.to * kUnitBytes,
                      from_anywhere ? kFromAnywhere : way.from * kUnitBytes,
                      index,
                      way.from == start_,
                      begins});
  }
  for (uint32_t i = 0; i < count; ++i) {
    told_count_[ways_[told_[i]].to] = 0;
    facts_[ways_[told_[i]].to] &= static_cast<uint8_t>(~kIsPassed);
  }
  visit_units(of, [&](uint32_t unit) { is_leaving_[unit] = 0; });
}

template <class Visit>
void CodeComments::visit_all_points(WishOf wish, void* argument, Visit&& visit) {
  for (uint32_t i = 0; i < count_; ++i) {
    const PointWish wanted = wish(i, argument);
    if (wanted != PointWish::kNone) {
      visit_points(i, false, visit);
    }
    if (wanted == PointWish::kToldOfRuns) {
      visit_points(i, true, visit);
    }
  }
}

uint32_t CodeComments::find_points(WishOf wish, void* argument) {
  uint32_t count = 0;
  visit_all_points(wish, argument, [&](const LoggedPoint&) { ++count; });
  for (uint32_t unit = 0; unit < units_; ++unit) {
    count += (facts_[unit] & kIsNoted) != 0 ? 1 : 0;
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
  visit_all_points(wish, argument, [&](const LoggedPoint& point) { points_[count++] = point; });
  for (uint32_t unit = 0; unit < units_; ++unit) {
    if ((facts_[unit] & kIsNoted) != 0) {
      points_[count++] = {unit * kUnitBytes, kFromAnywhere, kNoComment, false, false};
    }
  }
  sort(points_, count, is_before);
  return count;
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
#include "debugger/cursor.h"

namespace vtn::debugger {

Status Cursor::go(uint64_t place) {
  uint64_t now_ns = 0;
  if (place != 0) {
    VTN_ASSIGN(const Op before, timeline_->op(place - 1));
    now_ns = timeline_->recording().since_zero(before.ns);
  }
  place_ = place;
  now_ns_ = now_ns;
  return {};
}

Status Cursor::go_behind(uint64_t op) { return go(op + 1); }

Status Cursor::go_to_time(uint64_t ns) {
  const uint64_t zero_ns = timeline_->recording().zero_ns();
  VTN_ASSIGN(place_, timeline_->place_at(ns > UINT64_MAX - zero_ns ? UINT64_MAX : zero_ns + ns));
  now_ns_ = ns;
  return {};
}

Result<Went> Cursor::to_end() {
  const bool there = place_ == timeline_->ops();
  VTN_TRY(go(timeline_->ops()));
  return there ? Went::kNowhere : Went::kToEnd;
}

Result<Went> Cursor::to_beginning() {
  const bool there = place_ == 0;
  VTN_TRY(go(0));
  return there ? Went::kNowhere : Went::kToBeginning;
}

Result<Went> Cursor::step() {
  if (place_ == timeline_->ops()) {
    return to_end();
  }
  VTN_TRY(go(place_ + 1));
  return Went::kThere;
}

Result<Went> Cursor::step_back() {
  if (place_ == 0) {
    return to_beginning();
  }
  VTN_TRY(go(place_ - 1));
  return Went::kThere;
}

Result<Went> Cursor::next() {
  if (place_ == timeline_->ops()) {
    return to_end();
  }
  VTN_ASSIGN(const Op next, timeline_->op(place_));
  if (!begins(next.kind)) {
    return step();
  }
  VTN_ASSIGN(const auto end, timeline_->end_of(place_ + 1, next.depth - 1));
  if (!end) {
    return to_end();
  }
  VTN_TRY(go_behind(*end));
  return Went::kThere;
}

Result<Went> Cursor::next_back() {
  if (place_ == 0) {
    return to_beginning();
  }
  VTN_ASSIGN(const Op before, timeline_->op(place_ - 1));
  if (begins(before.kind)) {
    return step_back();
  }
  VTN_ASSIGN(const auto begin, timeline_->begin_of(place_ - 1, before.depth));
  if (!begin) {
    return to_beginning();
  }
  VTN_TRY(go(*begin));
  return Went::kThere;
}

Result<Went> Cursor::leave(uint32_t level) {
  VTN_ASSIGN(const uint32_t depth, timeline_->depth_at(place_));
  if (depth == 0) {
    return next();
  }
  VTN_ASSIGN(const auto end, timeline_->end_of(place_, level));
  if (!end) {
    return to_end();
  }
  VTN_TRY(go_behind(*end));
  return Went::kThere;
}

Result<Went> Cursor::leave_back(uint32_t level) {
  VTN_ASSIGN(const uint32_t depth, timeline_->depth_at(place_));
  if (depth == 0) {
    return next_back();
  }
  VTN_ASSIGN(const auto begin, timeline_->begin_of(place_, level));
  if (!begin) {
    return to_beginning();
  }
  VTN_TRY(go(*begin));
  return Went::kThere;
}

Result<Went> Cursor::until(uint32_t line) {
  uint64_t at = place_;
  while (at < timeline_->ops()) {
    VTN_ASSIGN(const Op next, timeline_->op(at));
    if (!begins(next.kind)) {
      VTN_TRY(go_behind(at));
      return Went::kThere;
    }
    if (at != place_ && next.kind == OpKind::kCall && next.line > line) {
      VTN_TRY(go(at));
      return Went::kThere;
    }
    VTN_ASSIGN(const auto end, timeline_->end_of(at + 1, next.depth - 1));
    if (!end) {
      break;
    }
    at = *end + 1;
  }
  return to_end();
}

}  // namespace vtn::debugger

// SPDX-License-Identifier: Apache-2.0
//
// Marks as reports show them: what happened at a point in time, values of a number, and spans that
// are no part of a thread's stack (NoteKind::kInstant, kCounter, kSpan).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "abi/event_abi.h"
#include "spool/codec.h"
#include "spool/model.h"

namespace vtn::report {

inline constexpr char kOwnValueKey[] = "value";  // of a value that is the mark's own

inline bool is_span(const spool::Note& note) {
  return note.kind == static_cast<uint32_t>(NoteKind::kSpan);
}

inline bool is_span_begin(const spool::Note& note) {
  return note.kind == static_cast<uint32_t>(NoteKind::kSpanBegin);
}

// Not the beginning of a span: what ended is told of whole.
inline bool is_mark(const spool::Note& note) {
  return is_span(note) || note.kind == static_cast<uint32_t>(NoteKind::kInstant) ||
         note.kind == static_cast<uint32_t>(NoteKind::kCounter);
}

struct Instant {
  std::string name;  // "x = 3" where there is a value of its own
  std::string category;
  std::vector<std::pair<std::string, std::string>> values;  // name, text
};
// `name`: of the note's key; may be null. Of a span: its beginning.
Instant instant_of(const spool::Note& note, const spool::FunctionInfo* name);

inline constexpr char kSpanCategory[] = "span";  // of one whose name has no other

// What formats with tracks for spans call that of this one: those of one name lie together.
inline const std::string& span_track_name(const Instant& span) {
  return span.category == kSpanCategory ? span.name : span.category;
}

// How long a span was, in ticks from its stamp on; 0: it is damaged.
uint64_t span_ticks(const spool::Note& note);

// The text that the program gave as an event of its own (kFunctionIsRaw): one JSON object. Empty:
// it is damaged.
std::string raw_event(const spool::Note& note);
// What CLOCK_MONOTONIC was when the event was given, of which its times are. None: not told.
std::optional<uint64_t> raw_event_ns(const spool::Note& note);

using Number = std::variant<std::monostate, int64_t, double>;  // the first: it is none
struct CounterValue {
  std::string name;
  Number number;
};
CounterValue counter_of(const spool::Note& note, const spool::FunctionInfo* name);

// "queue.length" may be the series "length" of the counter "queue"; any other counter has one
// series, kOwnValueKey.
struct CounterSeries {
  std::string counter;
  std::string series;
};
CounterSeries series_of(const spool::Note& note, const spool::FunctionInfo* name);

// Valid JSON: null for what is no finite number.
std::string json_number(const Number& number);

}  // namespace vtn::report

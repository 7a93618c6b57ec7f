// SPDX-License-Identifier: Apache-2.0
//
// Marks as reports show them: what happened at a point in time, and values of a number (NoteKind::
// kInstant, kCounter).
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "abi/event_abi.h"
#include "spool/codec.h"
#include "spool/model.h"

namespace vtn::report {

inline constexpr char kOwnValueKey[] = "value";  // of a value that is the mark's own

inline bool is_mark(const spool::Note& note) {
  return note.kind == static_cast<uint32_t>(NoteKind::kInstant) ||
         note.kind == static_cast<uint32_t>(NoteKind::kCounter);
}

struct Instant {
  std::string name;  // "x = 3" where there is a value of its own
  std::string category;
  std::vector<std::pair<std::string, std::string>> values;  // name, text
};
// `name`: of the note's key; may be null.
Instant instant_of(const spool::Note& note, const spool::FunctionInfo* name);

using Number = std::variant<std::monostate, int64_t, double>;  // the first: it is none
struct CounterValue {
  std::string name;
  Number number;
};
CounterValue counter_of(const spool::Note& note, const spool::FunctionInfo* name);

// Valid JSON: null for what is no finite number.
std::string json_number(const Number& number);

}  // namespace vtn::report

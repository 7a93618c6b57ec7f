// SPDX-License-Identifier: Apache-2.0
//
// What an importer has understood of one event, in a form that can be sorted and spilled.
#pragma once

#include <stdint.h>

namespace vtn::importer {

enum class RecordKind : uint8_t {
  kBegin = 1,    // a call begins; its end is a record of its own, or was never seen
  kEnd = 2,      // the innermost such call ends
  kCall = 3,     // a call from `ns` to `end_ns`
  kTold = 9,     // what the call was told by the time that it ends; before its kEnd
  kInstant = 4,  // a mark (spool/format.h); so is the next
  kCounter = 5,
  kRenamed = 6,    // the thread has another name from here on
  kSpan = 7,       // a span that is no part of the stack, as a mark at its beginning
  kSpanBegin = 8,  // likewise, of one that never ended
};

// Behind it its payload:
//   kBegin, kCall   varint: how many arguments; varint: bytes of their values; the values; the
//   value
//                   that was returned (value_abi.h), which may be missing
//   kEnd            nothing, or the value that was returned
//   marks, kTold    names and values, as in their notes
//   kRenamed        the name
struct Record {
  uint64_t ns;
  uint64_t end_ns;
  uint32_t thread;  // Intake's number
  uint32_t name;    // Intake's number
  uint32_t order;   // place in its run, in the order of the file
  uint32_t payload_at;
  uint32_t payload_bytes;
  uint32_t line : 24;    // of the caller; 0: not known
  uint32_t kind : 6;     // RecordKind
  uint32_t unwound : 1;  // kCall: left by an exception; kTold: it has no kEnd
  uint32_t drawn : 1;    // in a file of ours: it draws the process tree, and is nothing else
};
static_assert(sizeof(Record) == 40);

// Records of a thread in the order in which things happened. Of what happened at the same time:
// begins and ends told one by one as the file has them; calls with those that last longer first,
// and of equal ones the one last told, since whoever tells of calls as they end tells of a caller
// after what it called; marks as the file has them. `a_run`, `b_run`: a later run was told later.
inline bool happened_before(const Record& a, uint32_t a_run, const Record& b, uint32_t b_run) {
  if (a.ns != b.ns) {
    return a.ns < b.ns;
  }
  const auto group = [](const Record& one) {
    switch (static_cast<RecordKind>(one.kind)) {
      case RecordKind::kBegin:
      case RecordKind::kTold:
      case RecordKind::kEnd:
        return 0;
      case RecordKind::kCall:
        return 1;
      default:
        return 2;
    }
  };
  const int of_a = group(a);
  if (of_a != group(b)) {
    return of_a < group(b);
  }
  const uint64_t a_order = (uint64_t{a_run} << 32) | a.order;
  const uint64_t b_order = (uint64_t{b_run} << 32) | b.order;
  if (of_a == 1) {
    return a.end_ns != b.end_ns ? a.end_ns > b.end_ns : a_order > b_order;
  }
  return a_order < b_order;
}

}  // namespace vtn::importer

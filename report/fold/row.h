// SPDX-License-Identifier: Apache-2.0
//
// What a picture of one thread is made of: rows, each with a depth. A row is a call, or a fold,
// which is what becomes of calls that are too short to be kept one by one (folder.h).
#pragma once

#include <span>

#include <stdint.h>

namespace vtn::report {

enum RowFlag : uint32_t {
  kRowRaised = 1u << 0,      // left by an exception, or a generator that yielded
  kRowUnfinished = 1u << 1,  // it never ended: its end is where it is drawn to
  kRowResumed = 1u << 2,     // a generator that went on: no call of its own
  kRowCut = 1u << 3,         // its end was lost
  kRowPinned = 1u << 31,     // never folded, nor is what it lies in; of no interest to readers
};
inline constexpr uint32_t kRowFlagsShown = 0xf;

inline constexpr uint32_t kNoPayload = 0;

struct CallRow {
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  uint32_t function = 0;
  uint32_t flags = 0;             // RowFlag
  uint32_t payload = kNoPayload;  // whatever the maker of the row keeps of it
};

struct FunctionCount {
  uint32_t function;
  uint64_t calls;
};

struct FoldRow {
  uint64_t start_ns = 0;                     // of its first call
  uint64_t end_ns = 0;                       // of its last one
  uint64_t busy_ns = 0;                      // of its outermost calls, together
  uint64_t calls = 0;                        // of all depths
  uint64_t raised = 0;                       // of them
  std::span<const FunctionCount> functions;  // each once, by number; of all depths
};

}  // namespace vtn::report

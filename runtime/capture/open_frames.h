// SPDX-License-Identifier: Apache-2.0
//
// Of functions that are recorded no more (budget.h), the frames that ran when that was decided:
// what they do is recorded until they end. By code, then by the frame's address, which stays the
// frame's while it runs.
//
//   +------+------+------+         +-----+-------+-------+-------+
//   | code |      | code |  ...    | ids | frame |       | frame |    one mapping for each code,
//   +---|--+------+------+         +-----+-------+-------+-------+    anew when half full
//       +--------------------------^
//
// The table of codes lies in memory that fork wipes: a child is a process of its own, in which no
// call is open. What is of a code is touched under the GIL of the interpreter that has it.
#pragma once

#include <stdint.h>

#include "runtime/capture/thread_part.h"

namespace vtn::runtime {

struct OpenCode {
  const void* code;
  CodeIds ids;  // as its calls were recorded
  bool is_new;  // its frames are being gathered
  // A frame whose instruction pointer is not beyond may be about to tell of its begin.
  uintptr_t begin_end;
  uint64_t capacity;  // a power of two
  uint64_t used;      // those that are gone, too
  uint64_t living;
  uint64_t doubtful;  // frames that may be about to tell of their begin
  uintptr_t frames[1];
};

// Before anything else here. False: no memory.
bool start_open_frames();

bool any_open_frames();

// Null where the code has none, or is another interpreter's.
OpenCode* open_frames_of(const void* code);

// The code, of the current interpreter, begins to have open frames, which are being gathered. Null:
// no memory, or too many have.
OpenCode* begin_open_frames(const void* code, const CodeIds& ids, uintptr_t begin_end);

// A frame more; what `open` was is void. Null: no memory, and it is as if the code had none.
OpenCode* add_open_frame(OpenCode* open, const void* frame, bool doubtful);

bool is_open_frame(const OpenCode* open, const void* frame);

// It goes on: what was doubtful is no more.
void settle_open_frame(OpenCode* open, const void* frame);

// With the last of its frames `open` goes.
void drop_open_frame(OpenCode* open, const void* frame);
void end_open_frames(OpenCode* open);

// Recording stops in the current interpreter.
void forget_open_frames();

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// Of functions that are recorded no more (budget.h), the frames whose calls were recorded from
// their begin: their ends are, too. By code, then by the frame's address, which stays the frame's
// while it runs.
//
//   +------+------+------+         +-----+-------+-------+-------+
//   | code |      | code |  ...    | ids | frame |       | frame |    one mapping for each code,
//   +---|--+------+------+         +-----+-------+-------+-------+    anew when half full
//       +--------------------------^
//
// In memory that fork wipes: a child is a process of its own, in which nothing is switched off.
// What is of a code is touched under the GIL of the interpreter that has the code.
#pragma once

#include <stdint.h>

#include "runtime/capture/thread_part.h"

namespace vtn::runtime {

struct OpenCode {
  const void* code;
  CodeIds ids;        // as its calls were recorded
  bool is_new;        // its frames are being gathered
  uint64_t capacity;  // a power of two
  uint64_t used;      // those that are gone, too
  uint64_t living;
  uint64_t doubtful;  // frames of threads that may be about to tell of their begin
  uintptr_t frames[1];
};

// Before anything else here. False: no memory.
bool start_open_frames();

bool any_open_frames();

// Null where no call of the code is open that was recorded from its begin.
OpenCode* open_frames_of(const void* code);

// The code begins to have open frames, which are being gathered. Null: no memory, or too many have.
OpenCode* open_code(const void* code, const CodeIds& ids);

// A frame more; what `open` was is void. Null: no memory, it is as if there were none.
OpenCode* add_open_frame(OpenCode* open, const void* frame, bool doubtful);

bool is_open_frame(const OpenCode* open, const void* frame);

// It goes on: what was doubtful is no more.
void settle_open_frame(OpenCode* open, const void* frame);

// With the last of its frames `open` goes.
void drop_open_frame(OpenCode* open, const void* frame);
void close_code(OpenCode* open);

// Recording stops.
void forget_open_frames();

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
//
// What the recorder asks the kernel about processes. The launcher answers with pidfds and /proc,
// tests answer as they like.
#pragma once

#include <string>

#include <stdint.h>

#include "abi/session_abi.h"
#include "base/processes.h"

namespace vtn::collector {

// What became of a process.
struct ProcessFate {
  bool died = false;
  bool status_known = false;
  int32_t wait_status = 0;   // as from waitpid(2)
  uint64_t end_ticks = 0;    // when that was noticed; 0: now
  std::string command_line;  // as /proc gave it last, with its NULs; empty: never seen
  // It was seen to run a program that nothing of ours is in: begun after this, when the one before
  // was seen last. 0: it was not.
  uint64_t past_us_ticks = 0;
  std::string executable;  // of that program
};

class ProcessProbe {
 public:
  virtual ~ProcessProbe() = default;

  // A process has got a number: it is to be watched. `parent_pid` is its parent's, as the recorder
  // sees it (0: unknown): where a process of another namespace is best looked for.
  virtual SeenProcess met(uint32_t process, const ProcessSlot& slot, uint32_t parent_pid) = 0;
  // It runs another program now.
  virtual void changed(uint32_t process) = 0;
  // Whether the process that was met lives; its pid may be another's by now.
  virtual bool lives(uint32_t process) = 0;
  // Asked once for each process: when it has died, or when recording ends.
  virtual ProcessFate fate(uint32_t process) = 0;
  // The kernel's word for whose child a process is now; 0: it cannot tell.
  virtual uint32_t parent_of(uint32_t pid) = 0;
};

}  // namespace vtn::collector

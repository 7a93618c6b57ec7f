// SPDX-License-Identifier: Apache-2.0
//
// Has a running CPython load a shared library of ours, whose constructors do the rest.
//
// The process is given a small piece of code (loading_code.h), and one of its threads is sent to it
// (held_thread.h). From there on nobody is needed: if we die, at any instant, it loads the library
// or does not, and goes on.
//
// dlopen(3) may only be called where no lock of the allocator or the dynamic linker can be held, so
// one of the process's threads is made to call it
//   where it sleeps in a system call that neither of them makes; or
//   where CPython runs pending calls: its main thread is sent to ask for one, and goes on at once.
#pragma once

#include <string>

#include <stdint.h>
#include <sys/types.h>

#include "base/result.h"

namespace vtn::attach {

struct LoadOptions {
  // For how long a safe place is looked for. The process runs meanwhile.
  uint64_t limit_ns = 5'000'000'000;
  // For how long it may keep a thread; after that it goes on loading by itself.
  uint64_t hold_limit_ns = 90'000'000;
};

enum class LoadWay { kSleepingThread, kPendingCall };

struct LoadReport {
  LoadWay way = LoadWay::kSleepingThread;
  pid_t tid = 0;         // whose thread has loaded it
  bool is_over = true;   // false: it still loads, and whether it can is not known
  uint64_t held_ns = 0;  // for how long that thread did nothing of its own
  uint64_t took_ns = 0;  // all of it
};

// `path` is absolute, as the process sees it. An error has one line for the user: the process
// cannot be attached to (target_process.h), no safe place was found, or why it does not load the
// library, in the words of its dlerror(3).
//
// Threads are held by threads of its own, while signals to the caller wait (remote_call.h).
Result<LoadReport> load_library(pid_t pid,
                                const std::string& path,
                                const LoadOptions& options = {});

}  // namespace vtn::attach

// SPDX-License-Identifier: Apache-2.0
//
// Has a running CPython run a script by its own means, PEP 768 (from 3.14 on): as sys.remote_exec()
// does, without a Python of ours. No thread is held, but where the main thread sleeps, and is to be
// woken: the system call that it sleeps in fails with EINTR, as after a signal.
#pragma once

#include <string>

#include <stdint.h>

#include "attach/target_process.h"
#include "base/result.h"

namespace vtn::attach {

struct ScriptOptions {
  uint64_t limit_ns = 200'000'000;
  bool may_wake = true;
};

// All but the first: nothing was done, or it was taken back; load_library.h is the other way.
enum class ScriptOutcome {
  kRuns,         // the main thread has taken the script up
  kUnsupported,  // a CPython without it, or one whose layout is not known
  kSwitchedOff,  // -X disable-remote-debug, PYTHON_DISABLE_REMOTE_DEBUG, or built without
  kNotTakenUp,   // the main thread is in C code, or waits for a lock
};

struct ScriptReport {
  ScriptOutcome outcome = ScriptOutcome::kUnsupported;
  bool woken = false;
  uint64_t held_ns = 0;
  uint64_t took_ns = 0;
};

// `path` is the script's as the process sees it, which must be allowed to read it. An error: the
// process is gone, or its memory cannot be read. Should it take a script up in the very moment in
// which that is taken back, it runs although this says otherwise.
Result<ScriptReport> run_script(const TargetProcess& target,
                                const std::string& path,
                                const ScriptOptions& options = {});

}  // namespace vtn::attach

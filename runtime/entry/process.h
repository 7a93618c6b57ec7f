// SPDX-License-Identifier: Apache-2.0
//
// This process as the runtime knows it: what the shim handed over, the mapped session, and what is
// told of the process and its threads in the names stream.
#pragma once

#include "abi/runtime_abi.h"
#include "abi/session_abi.h"
#include "abi/settings_abi.h"
#include "tracer/engine.h"

namespace vtn::runtime {

// What a forked child finds zeroed: locks lie here, so that they are free in it whoever held them.
struct RuntimeRoot {
  uint32_t interpreters_lock;  // WordLock (interpreters.cc)
  uint32_t audit_hook_lock;    // WordLock (audit_hook.cc)
  uint32_t identities_lock;    // WordLock (identities.cc, code_table.cc)
  uint32_t types_lock;         // WordLock (monitoring_tool.cc)
  uint32_t paths_lock;         // WordLock (filters/paths.cc)
  uint32_t plans_lock;         // WordLock (variables/plans.cc)
  uint32_t comments_lock;      // WordLock (variables/comment_files.cc)
  uint32_t open_frames_lock;   // WordLock (open_frames.cc)
  uint32_t nvtx_lock;          // WordLock (known/nvtx_texts.cc)
  uint32_t nvtx_ranges_lock;   // WordLock (known/nvtx_ranges.cc)
  // Of the list of what is switched off (budget.cc): entries before this process; whether what its
  // parent had switched off was taken over.
  uint32_t switched_off_from;
  uint32_t switched_off_inherited;
  uint32_t budget_unheeded_told;
  uint64_t process_name_hash;  // of the name that was published last; 0: none (program_names.cc)
};

RuntimeRoot* runtime_root();

// Maps the session's arena and starts the engine; once more for another session, with the GIL and
// while nobody records. False: no session, and nobody to tell; or no memory, and it has been told.
bool enter_session(const vtn_runtime_args& args, uint32_t python_version);

// The process runs on untraced; the launcher says why in its last line. Once.
void stay_untraced(UntracedReason reason, uint32_t python_version);

// Whether this process is recorded, or may be again.
bool is_traced();

bool session_option(SessionOption option);

// What else was asked for: the records of the session's settings file; both null where there are
// none.
struct Settings {
  const vtn_setting* begin;
  const char* end;
};
Settings session_settings();

// A file of the session's folder, with its NUL. False: there is no room for it.
bool session_file(const char* name, char* to, size_t room);

// What this process starts is of the session from now on, or is not any more; with the GIL.
void follow_started(bool wanted);

// What the shim enters a session by (runtime_abi.h).
bool shim_enters_session(const char* folder);

// Which backend the ProcessRecord names. Set before the first event.
void set_backend(Backend backend);

// The path that the shim was loaded by.
const char* shim_path();

// Symbols of the C library, and of CPython; null where they are not.
void* find_symbol(const char* name);
void* find_python_symbol(const char* name);

}  // namespace vtn::runtime

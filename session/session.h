// SPDX-License-Identifier: Apache-2.0
//
// A session: the folder that the supervisor, the collector and every traced process share.
//
//   <root>/vtn-<uid>/            0711, ours or refused
//     <32 hex digits>/           0700, the name is the secret; flock'ed while the run lives
//       control                  ControlPage and process slots; flock'ed by the collector
//       arena                    sparse file of its final size
//       settings                 what is to be recorded (abi/settings_abi.h)
//       libvtn.so                symlink to the installed shim: what LD_PRELOAD names; in the root
//       of
//                                others a copy of it, and of the runtime beside it
//       spool                    symlink to the spool file (made by the collector)
//       enter.so                 where processes are attached to: what they load
//       launcher                 symlink to the command, for a program that wants a report
//
// A finished run leaves nothing, unless processes outlive it: then the link stays, and another one,
// `left`, which says from which pid namespace they are to be looked for.
//
// <root> is /dev/shm, else $TMPDIR, else /tmp, else the folder of the first output. For a process
// that runs already and has another root than ours, it is /dev/shm or /tmp there.
#pragma once

#include <string>
#include <vector>

#include <stdint.h>

#include "abi/session_abi.h"
#include "base/fd.h"
#include "base/mapping.h"
#include "base/result.h"
#include "session/settings.h"
#include "tracer/arena.h"

namespace vtn::session {

using vtn::kSpoolLinkName;
inline constexpr char kLeftLinkName[] = "left";

struct Session {
  std::string folder;  // absolute, without a slash at the end
  std::string root;    // SessionRequest::root
  UniqueFd folder_fd;  // holds the lock that says "this run lives"; inherited by the collector
  UniqueFd control_fd;
  UniqueFd arena_fd;
  Mapping control_mapping;
  Mapping arena_mapping;
  tracer::Arena arena;  // a view of the two mappings

  std::string file(const char* name) const { return folder + "/" + name; }
  // As its processes see it.
  std::string seen(const char* name) const { return file(name).substr(root.size()); }
};

struct SessionRequest {
  std::string output_folder;  // the last resort for the session folder
  std::string shim_path;      // absolute
  RecordSettings settings;
  // For the launcher's own processes, should they have to begin anew: the command line's words, and
  // the reports that are wanted.
  std::vector<std::string> arguments = {};
  std::vector<std::string> outputs = {};
  // Where the program is to run in the embed host: that file, the interpreter that it stands for
  // (empty: there is none) and the libpython that it opens.
  std::string embed_host = {};
  std::string interpreter = {};
  std::string libpython = {};
  // For processes that run already: a file of which each session has a copy. Empty: it has none.
  std::string entry = {};
  // Their root, if it is not ours, as a path of ours: all of the session lies there, with copies of
  // what is loaded.
  std::string root = {};
  // They may be other users': whoever knows the session's name may enter it.
  bool for_everybody = false;
};

// The clock that the session's events are stamped with.
ClockKind clock_of(const Session& session);

// Creates folder and files, provides the first chunks. Nothing is left behind on failure. Removes
// what earlier runs left for processes that are gone.
Result<Session> create_session(const SessionRequest& request);

// Opens what a killed run left. Checks magic, version and that the geometry fits the files: these
// are files that a traced program could write to.
Result<Session> open_session(const std::string& folder);

// Removes the folder and the files of a session in it, and nothing else. Missing files are fine.
void remove_session(const std::string& folder);

// The report is made, but processes of the session live on: the link stays in the folder, so that
// their later execs have no dead entry in LD_PRELOAD that the loader complains of.
void leave_session(const std::string& folder);

// Removes what leave_session() left, of all runs of this user whose processes have gone since, as
// far as that can be seen from here.
void remove_left_sessions();

// Whether the supervisor or the collector of a run still lives, by their locks. What cannot be
// examined counts as alive.
bool session_is_live(const std::string& folder);

// Of a run of this user that has not ended and makes that report (absolute): the file that it
// records into until then. Empty: there is none.
std::string spool_of_running(const std::string& output);

// Folders of sessions of this user whose run has died (neither supervisor nor collector lives), the
// newest first.
std::vector<std::string> stale_sessions();

}  // namespace vtn::session

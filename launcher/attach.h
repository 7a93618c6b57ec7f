// SPDX-License-Identifier: Apache-2.0
//
// --attach: records processes that run already, for a while. The launcher is the collector's parent
// and no relative of theirs; each has the shim loaded, by its link in the session's folder
// (attach/load_library.h), and what is loaded does the rest (runtime/entry/attached.h).
#pragma once

#include <string>

#include "launcher/parent/collector_process.h"
#include "launcher/request.h"
#include "session/session.h"

namespace vtn::launcher {

// Whether the process can be recorded at all: before anything is made. The line says why not.
Status check_attach(const Attach& attach);

// Until it is over: the exit status. Signals are blocked already. What can be said is said on
// stderr.
int run_attach(const Attach& attach, const session::Session& session, const CollectorJob& job);

}  // namespace vtn::launcher

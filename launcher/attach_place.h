// SPDX-License-Identifier: Apache-2.0
//
// Where a session has to be so that a process that runs already can enter it: in our own root, or
// in its root, where that is another one (a container, chroot, a mount namespace of its own).
#pragma once

#include <string>

#include <sys/types.h>

#include "base/fd.h"
#include "launcher/install.h"

namespace vtn::launcher {

struct AttachPlace {
  UniqueFd root_fd;  // of its root, also when the process has ended; inherited by children
  std::string root;  // the same as a path; empty: it sees what we see
  bool for_everybody = false;  // it runs as another user
};

AttachPlace find_attach_place(pid_t pid, const InstalledFiles& files);

}  // namespace vtn::launcher

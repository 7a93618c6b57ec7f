// SPDX-License-Identifier: Apache-2.0
//
// How a process ended that is nobody's child here. Its parent gets to know for certain; others can
// look while the parent has not waited for it yet, and afterwards where the kernel keeps the answer
// (Linux 6.15).
#pragma once

#include <optional>

#include <sys/types.h>

namespace vtn {

// The status as from waitpid(2), of a process whose `pidfd` polls readable. Nothing if it cannot be
// known: it has been waited for on an older kernel, or it ran as another user.
std::optional<int> status_of_ended(int pidfd, pid_t pid);

}  // namespace vtn

// SPDX-License-Identifier: Apache-2.0
//
// From what the user typed to what is executed: which file, with which arguments, in which host.
#pragma once

#include <string>
#include <vector>

#include "abi/control_abi.h"
#include "base/result.h"
#include "launcher/request.h"
#include "launcher/target/environment.h"

namespace vtn::launcher {

struct Launch {
  // For execve; the interpreter's own path even where it is embedded. Empty: there is none but a
  // libpython.
  std::string file;
  std::vector<std::string> argv;  // as the program would have it without us
  Environment environment;        // likewise, without our additions
  std::string libpython;          // not empty: run it in the embed host
  std::string untraced_reason;    // not empty: nothing can be recorded, and this is why
  // VTN_UNTRACED_...: why it cannot be recorded itself, while what it starts can; NONE: it can.
  uint32_t untraced = VTN_UNTRACED_NONE;
};

// An error's code is ENOENT or EACCES where a shell would end with status 127 or 126, else 0.
Result<Launch> plan_launch(const LaunchSettings& settings,
                           const std::string& current_folder,
                           Environment environment);

}  // namespace vtn::launcher

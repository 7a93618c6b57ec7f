// SPDX-License-Identifier: Apache-2.0
//
// `viztracer-native vdb FILE`: a debugger that goes backwards over a recording (debugger/).
#pragma once

#include "launcher/commands/command.h"

namespace vtn::launcher {

int run_vdb(const CommandWords& words);

}  // namespace vtn::launcher

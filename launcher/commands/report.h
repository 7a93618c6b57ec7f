// SPDX-License-Identifier: Apache-2.0
//
// `viztracer-native report FILE [WHAT]`: any report of a recording, on stdout or in a file.
#pragma once

#include "launcher/commands/command.h"

namespace vtn::launcher {

int run_report(const CommandWords& words);

}  // namespace vtn::launcher

// SPDX-License-Identifier: Apache-2.0
//
// `viztracer-native info FILE`: what is in a recording (report/summary/info.h), on stdout.
#pragma once

#include "launcher/commands/command.h"

namespace vtn::launcher {

int run_info(const CommandWords& words);

}  // namespace vtn::launcher

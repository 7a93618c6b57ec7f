// SPDX-License-Identifier: Apache-2.0
//
// `viztracer-native view FILE|FOLDER`: shows recordings and reports in a browser (show.h).
// Under the name vizviewer it is the launcher's only command.
#pragma once

#include "launcher/commands/command.h"

namespace vtn::launcher {

inline constexpr char kViewCommand[] = "view";
inline constexpr char kVizviewer[] = "vizviewer";

int run_view(const CommandWords& words);

}  // namespace vtn::launcher

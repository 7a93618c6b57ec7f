// SPDX-License-Identifier: Apache-2.0
//
// `viztracer-native view FILE|FOLDER`: shows recordings and reports in a browser (viewer/server/).
// Under the name vizviewer it is the launcher's only command.
#pragma once

#include <string>

#include "launcher/commands/command.h"

namespace vtn::launcher {

inline constexpr char kViewCommand[] = "view";
inline constexpr char kVizviewer[] = "vizviewer";

int run_view(const CommandWords& words);

// Whether a word is a file that can be shown, or a folder.
bool can_be_viewed(const std::string& word);

}  // namespace vtn::launcher

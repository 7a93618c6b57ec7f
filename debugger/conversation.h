// SPDX-License-Identifier: Apache-2.0
//
// A debugger at a terminal, or fed by a script: lines from stdin, answers on stdout.
#pragma once

#include <string>

#include "base/result.h"
#include "debugger/recording.h"

namespace vtn::debugger {

struct ConversationSettings {
  bool batch = false;          // no prompt, no greeting; so it is where stdin is no terminal
  bool strict = false;         // the first command that fails is the end
  bool extra_newline = false;  // behind each answer
};

// Returns when the lines end, or one of them ends it. An error: output that cannot be written; with
// `strict` the line that failed ("line 3: ...").
Status converse(Recording& recording, const ConversationSettings& settings);

}  // namespace vtn::debugger

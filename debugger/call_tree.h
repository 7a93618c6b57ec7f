// SPDX-License-Identifier: Apache-2.0
//
// What a call calls, as an indented text.
#pragma once

#include <string>

#include <stdint.h>

#include "base/result.h"
#include "debugger/debugger.h"

namespace vtn::debugger {

// Of the call that is looked at, down to `depth` levels below it; where no call is open, of the
// thread. After `lines` lines it says where it goes on.
Result<std::string> call_tree(Debugger& debugger, uint32_t depth, uint64_t lines);

}  // namespace vtn::debugger

// SPDX-License-Identifier: Apache-2.0
//
// Why a process was not traced, where people read of it, and back. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "abi/session_abi.h"

namespace vtn::spool {

// As the end of a sentence about the process: "it is older than 3.10".
std::string untraced_text(UntracedReason reason);

// Of what a report's ledger says of a process: "untraced: ...". kNone for anything else.
UntracedReason read_ledger_text(std::string_view text);

}  // namespace vtn::spool

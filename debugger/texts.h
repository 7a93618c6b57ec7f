// SPDX-License-Identifier: Apache-2.0
//
// How the debugger writes what it finds. All texts are of one line and valid UTF-8, whatever the
// program called its functions.
#pragma once

#include <optional>
#include <string>

#include <stdint.h>

#include "base/result.h"
#include "debugger/debugger.h"
#include "report/call_values.h"

namespace vtn::debugger {

// "#2.17": the seventeenth call of thread 2.
std::string call_id_text(const Debugger& debugger, uint32_t thread, uint64_t number);
// "fib (app.py:3)"; of a gap why it is there.
Result<std::string> name_of_begin(Timeline& timeline, uint64_t begin);
std::string name_text(const Timeline& timeline, uint32_t function);
// "#2.17 fib (app.py:3)"
Result<std::string> open_call_text(Debugger& debugger, const Timeline::OpenCall& call);
// "n=3, verbose=True"
std::string arguments_text(const spool::ImageInfo& image,
                           uint32_t function,
                           const report::CallValues::Ended& values);

// The line that a call which is open at the place is at.
struct CurrentLine {
  uint32_t line = 0;     // 0: not known
  bool calling = false;  // a call is made from it; else one was, or it is where the function begins
};
Result<CurrentLine> current_line(Debugger& debugger, uint32_t level);
// "> 14  recursive(n - 1)"; empty: it is not known.
Result<std::string> current_source(Debugger& debugger, uint32_t level);

// Where it is, what came before and what comes next: what a move answers.
Result<std::string> place_text(Debugger& debugger);

}  // namespace vtn::debugger

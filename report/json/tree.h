// SPDX-License-Identifier: Apache-2.0
//
// The process tree in a JSON report: programs as events on the main line of their process, arrows,
// and the ledger of viztracer_native.
//
//   a program that was not traced   "X", cat "process" ("B" if it was alive at the end)
//   the end of one that was         "i", cat "process", on its main line, if it did not end well:
//                                   "exit status 3", "killed by SIGKILL"
//   where a process was started     "i", cat "process", on the thread that did it: a call would be
//                                   no place for an arrow, since it may last as long as the child
//   its arrow                       "s" right there, "f" at the first event of the child
#pragma once

#include <string>

#include "report/json/events.h"

namespace vtn::report {

// Names of processes and of their lines, in the order of the tree; no comma before the first.
std::string json_tree_names(const JsonLayout& layout);
std::string json_tree_events(const JsonLayout& layout);
// `[{...},...]`: every process of the run, drawn or not.
std::string json_ledger(const JsonLayout& layout);

}  // namespace vtn::report

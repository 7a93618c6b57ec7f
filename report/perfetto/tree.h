// SPDX-License-Identifier: Apache-2.0
//
// The process tree in a Perfetto trace, all on the meta sequence and before the first call:
//
//   a process        a descriptor with its command line and place in the tree
//   its programs     slices with arguments, exit status and, if it is so, why they were not traced:
//                    on its main thread's track, but for traced ones; the main thread's calls are
//                    there, so these are on a track named "process"
//   its start        an instant on the thread that did it, from which a flow leads to its first
//                    call, or to its first program if that was not traced: the call that started it
//                    may last as long as the child
#pragma once

#include <string>
#include <string_view>

#include "report/perfetto/events.h"

namespace vtn::report {

inline constexpr char kProgramsTrackName[] = "process";
inline constexpr char kStartsTrackName[] = "processes started";

void append_attribute(ProtoMessage& attributes, std::string_view key, std::string_view value);

// How many processes there were, and those of them that run Python and were not traced.
void append_ledger(ProtoMessage& attributes, const PerfettoLayout& layout);
void append_processes(std::string& to, const PerfettoLayout& layout);
// After the descriptors of threads.
void append_programs(std::string& to, const PerfettoLayout& layout);

}  // namespace vtn::report

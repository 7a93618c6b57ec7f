// SPDX-License-Identifier: Apache-2.0
//
// The table of commands.
#include "launcher/commands/command.h"
#include "launcher/commands/info.h"
#include "launcher/commands/report.h"
#include "launcher/recordings.h"

namespace vtn::launcher {

namespace {

constexpr CommandOption kReportOptions[] = {
    {"output_file", 'o', "FILE", "where it goes; without WHAT the name's end says what it is"},
};

constexpr CommandRow kRows[] = {
    {"info",
     "FILE",
     "Says on one screen what is in a recording.",
     1,
     1,
     {},
     names_recording,
     run_info},
    {"report",
     "FILE [WHAT]",
     "Prints a report of a recording: WHAT is txt (the default), md, folded, summary.json, ...",
     1,
     2,
     kReportOptions,
     names_recording,
     run_report,
     "WHAT is any of the endings that viztracer-native --help lists, without the dot."},
};

}  // namespace

std::span<const CommandRow> command_rows() { return kRows; }

}  // namespace vtn::launcher

// SPDX-License-Identifier: Apache-2.0
//
// The table of commands.
#include "launcher/commands/command.h"
#include "launcher/commands/info.h"
#include "launcher/commands/report.h"
#include "launcher/commands/show.h"
#include "launcher/commands/vdb.h"
#include "launcher/commands/view.h"
#include "launcher/recordings.h"

namespace vtn::launcher {

namespace {

constexpr CommandOption kReportOptions[] = {
    {"output_file", 'o', "FILE", "where it goes; without WHAT the name's end says what it is"},
};

constexpr CommandOption kVdbOptions[] = {
    {"batch", 0, nullptr, "no prompt, as where stdin is no terminal"},
    {"strict", 0, nullptr, "end with status 1 at the first command that fails"},
    {"extra_newline", 0, nullptr, "an empty line behind each answer"},
    {"no_clear", 0, nullptr, "leave the screen as it is, which is always so"},
};

constexpr CommandOption kViewOptions[] = {
    {"server_only", 's', nullptr, "start no browser: the address is printed in any case"},
    {"port", 'p', "N", "the port, of this machine alone; any that is free by default"},
    {"once", 0, nullptr, "end once the page has been fetched"},
    {"timeout",
     0,
     "SECONDS",
     "end when nothing has been asked for so long; 10 with --once, else never"},
    {"perfetto", 0, nullptr, "show it in Perfetto's UI, which is handed the trace by the browser"},
    {"ui_dir", 0, "FOLDER", "likewise, in a copy of that UI: without the internet"},
    {"use_external_processor",
     0,
     nullptr,
     "likewise, but a trace_processor of this machine holds the trace: for large ones"},
    {"trace_processor", 0, "PATH", "likewise, and which program that is"},
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
    {"vdb",
     "FILE",
     "Steps through a recording, forward and backward, by commands: 'help' lists them.",
     1,
     1,
     kVdbOptions,
     names_recording,
     run_vdb},
    {kViewCommand,
     "FILE|FOLDER",
     "Shows a recording or a report in a browser; of a folder, whichever is chosen.",
     1,
     1,
     kViewOptions,
     can_be_viewed,
     run_view},
};

}  // namespace

std::span<const CommandRow> command_rows() { return kRows; }

}  // namespace vtn::launcher

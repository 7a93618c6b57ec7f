// SPDX-License-Identifier: Apache-2.0
//
// All that the user asked for, read once and handed through whole. Each room knows its own part:
// session::RecordSettings what is recorded, report::ReportSettings what is made of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <stdint.h>

#include "report/formats.h"
#include "session/settings.h"

namespace vtn::launcher {

enum class HostChoice { kAuto, kEmbed, kExec };

// What is to be run, and how.
struct LaunchSettings {
  std::string python;  // empty: discover
  HostChoice host = HostChoice::kAuto;
  bool keep_pid = false;
  // As it stood on the command line: "x.py a b", "-m mod a", "-c code", "-".
  std::vector<std::string> target;
  bool after_separator = false;  // "--" stood before the target: it is a command
  // The option that asks for what CPython tells from 3.12 on alone ("--budget"); empty: none does.
  std::string needs_monitoring;
};

// Where reports go, as named; outputs.h makes ReportSettings::outputs of it.
struct OutputNames {
  std::vector<std::string> files;  // empty: the default name
  std::vector<std::string> more;   // beside those
  bool unique = false;
  std::string folder;
  bool pid_suffix = false;  // each name gets the launcher's process id
};

// Who is concerned by an option. From it follows what becomes of it elsewhere.
enum class Scope {
  kCommand,  // this launcher alone; holds in a nested run as well
  kRecord,   // what is recorded: the collector and, by the session, every process of the tree
  kReport,   // what is made of it
};

struct GivenOption {
  const char* name;   // with underscores
  std::string value;  // empty: none was given
  Scope scope;
  bool off = false;  // a switch, and it is off
};

// What reports are to be made of.
enum class Work {
  kRun,         // a program that is run
  kConvert,     // a recording
  kRecover,     // a session's folder, or a spool
  kCompress,    // a recording, which is to become smaller
  kDecompress,  // a recording, which VizTracer's readers are to read
  kCombine,     // several recordings, as their wall clocks say
  kAlign,       // several, each from the same moment on
};

// Which part of a recording reports are made of; nothing given: all of it.
struct Moment {
  uint64_t ns = 0;        // since the report's start
  bool is_stamp = false;  // no: of the recording's clock, CLOCK_MONOTONIC
};

struct Window {
  std::optional<Moment> from;
  std::optional<Moment> to;
  std::vector<std::string> processes;  // ids, or patterns of names
  std::vector<std::string> threads;
  std::vector<std::string> functions;

  bool given() const {
    return from || to || !processes.empty() || !threads.empty() || !functions.empty();
  }
};

struct Source {
  Work work = Work::kRun;
  std::string option;              // which asked for it: "convert"
  std::vector<std::string> paths;  // one, but for the last two
  bool contradicts = false;        // several of these were asked for
  Window window;
};

// A process that runs already, to be recorded for a while.
struct Attach {
  uint64_t pid = 0;      // 0: none
  uint64_t for_ns = 0;   // 0: until Ctrl-C, or its end
  bool tree = false;     // and every Python process below it
  bool nothing = false;  // --uninstall: there is nothing that stays in a process
};

struct Request {
  bool version = false;
  bool help = false;
  Source source;
  std::string rcfile;  // the file of options that is named; empty: none is
  Attach attach;
  LaunchSettings launch;
  session::RecordSettings record;
  OutputNames names;
  report::ReportSettings report;
  bool open = false;               // the report is shown in a browser (open_report.h)
  std::vector<GivenOption> given;  // in order

  bool quiet() const { return report.verbosity == 0; }
};

}  // namespace vtn::launcher

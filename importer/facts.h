// SPDX-License-Identifier: Apache-2.0
//
// What a report says of its run beside the events, as far as it does: processes, when it was, what
// was lost. Stamps are on the scale of the report, before offset_ns is added.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <stdint.h>

#include "abi/session_abi.h"

namespace vtn::importer {

// A process between two execs.
struct ImportedImage {
  bool forked = false;
  bool traced = false;
  bool damaged = false;
  uint64_t start_ns = 0;
  uint64_t lost_events = 0;
  uint32_t stalls = 0;
  uint32_t python_version = 0;  // as PY_VERSION_HEX
  std::string executable;
  std::string cwd;
  std::vector<std::string> argv;
};

// A program that nothing was recorded in.
struct ImportedStart {
  uint64_t start_ns = 0;
  UntracedReason reason = UntracedReason::kNone;
  std::string executable;
  std::vector<std::string> argv;
};

struct ImportedProcess {
  int64_t pid = 0;          // as events name it
  uint32_t system_pid = 0;  // 0: the same
  uint32_t own_pid = 0;     // 0: the same
  int64_t parent = -1;      // index of an earlier process; -1: none
  uint32_t parent_pid = 0;
  uint32_t parent_tid = 0;  // 0: not known
  UntracedReason reason = UntracedReason::kNone;
  bool python = false;
  bool ended = false;
  bool end_exact = false;
  bool status_known = false;
  int32_t wait_status = 0;
  uint64_t start_ns = 0;  // UINT64_MAX: of its first event
  uint64_t end_ns = 0;    // 0: of its last event
  std::string name;       // as it is shown; empty: none was given
  std::vector<ImportedImage> images;
  std::vector<ImportedStart> starts;
};

struct Facts {
  std::string command;
  std::string version;  // of who recorded
  uint64_t offset_ns = 0;
  uint64_t realtime_base_ns = 0;  // CLOCK_REALTIME less the clock of the stamps; 0: not known
  bool has_status = false;
  int32_t wait_status = 0;
  uint32_t unslotted = 0;
  // Written by us: names of gaps are gaps, and events that tell of the process tree are only drawn.
  bool own = false;
  bool overflow = false;  // older events were lost, nobody knows how many
  std::vector<ImportedProcess> processes;
  // Rows that hold the deeper calls of another thread: pid and tid, of which tid.
  std::map<std::pair<int64_t, int64_t>, int64_t> deeper;
  std::map<std::pair<int64_t, int64_t>, std::vector<std::string>> renamed;  // all names, in order
};

}  // namespace vtn::importer

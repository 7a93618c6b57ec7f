// SPDX-License-Identifier: Apache-2.0
//
// The processes of a run as a report shows them: who started whom, what each was in the end, and
// whether it was traced. Made from the model once recording is over.
//
//   model    slots and frames: an image a fork and an exec, a start a request, an end a death
//   tree     one ProcessInfo a process, whatever it went through
#pragma once

#include <string>
#include <vector>

#include <stdint.h>

#include "spool/model.h"

namespace vtn::report {

enum class LedgerEntry : uint32_t {
  kTraced,       // calls of it are in the report
  kOther,        // not a CPython
  kUntraced,     // it ran untraced: ProcessInfo::reason
  kKilledEarly,  // a CPython that ended, or was left, before its first call
};

// One program of a process that is to be drawn as a slice of its line: not a CPython that was
// traced (its calls say more), nor a fork that only went on to an exec.
struct ProgramSlice {
  uint32_t image = 0xffff'ffff;  // index into the model's images; else nothing of ours was in it
  std::string name;              // short command line
  std::string executable;
  std::vector<std::string> argv;
  uint64_t start_ticks = 0;
  uint64_t end_ticks = 0;
};

struct ProcessInfo {
  uint32_t number = 0;  // index into ProcessTree::processes
  uint32_t pid = 0;
  uint32_t own_pid = 0;    // as it sees itself: another one in a pid namespace
  uint32_t shown_pid = 0;  // unique in the report: the pid, or 0x40000000 + n if it came again
  uint32_t parent = spool::kNoProcess;
  uint32_t parent_tid = 0;       // the thread that started it; 0: unknown
  std::vector<uint32_t> images;  // of the model, in time
  std::vector<uint32_t> starts;  // indices into the model's starts, in time
  uint64_t start_ticks = 0;      // the fork, or the call that started it, or its first image
  uint64_t end_ticks = 0;        // of an `ended` one; else when recording ended
  bool ended = false;
  bool status_known = false;
  bool end_exact = false;
  int32_t wait_status = 0;
  std::string title;  // the command line that it gave itself; empty: none

  LedgerEntry ledger = LedgerEntry::kOther;
  UntracedReason reason = UntracedReason::kNone;
  bool python = false;          // a CPython was seen in it, or it is named like one
  uint32_t python_version = 0;  // as PY_VERSION_HEX; 0: unknown
  // "app.py", "pip", "ForkPoolWorker-1 (app.py)", "gunicorn (fork)", "ls -l". No two Pythons of a
  // run have the same: "gunicorn (fork) #2".
  std::string name;
  std::string executable;  // of its last program
  std::vector<std::string> argv;
  std::vector<ProgramSlice> slices;  // in time, none overlaps another
  uint32_t depth = 0;                // 0: started by nobody of the tree
  uint32_t order = 0;                // place in ProcessTree::order

  bool traced() const { return ledger == LedgerEntry::kTraced; }
  // A user who looks for it will not find it: worth a line.
  bool missed() const;
};

inline constexpr uint32_t kMadeUpPid = 0x4000'0000;

struct ProcessTree {
  std::vector<ProcessInfo> processes;  // by number
  // Numbers: a parent before its children, these by start. Of a window's those that are shown.
  std::vector<uint32_t> order;

  const ProcessInfo& of_image(const spool::Model& model, uint32_t image) const {
    return processes[model.images[image].process];
  }
};

ProcessTree build_process_tree(const spool::Model& model);

// Why, as the end of a sentence about the process: "it is older than 3.10".
std::string untraced_text(UntracedReason reason);

// What the process is in the ledger, in words: "traced", "not a CPython", "untraced: ..." ...
std::string ledger_text(const ProcessInfo& process);

}  // namespace vtn::report

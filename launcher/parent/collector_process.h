// SPDX-License-Identifier: Apache-2.0
//
// The collector as its parent has it: started before the program, missed when it dies, told of the
// program's end, replaced if it could not write the report.
#pragma once

#include <string>

#include <sys/types.h>

#include "base/fd.h"
#include "collector/collector.h"
#include "collector/program_end.h"
#include "report/formats.h"
#include "session/session.h"

namespace vtn::launcher {

// What the collector is to do: to record, then to report.
struct CollectorJob {
  collector::CollectRequest collect;  // session and descriptors are filled in by CollectorProcess
  report::ReportSettings report;
  // It begins as a program of its own, by the session's settings file, instead of as a copy of this
  // process: where this one lives on for long, or has little in common with a launcher.
  bool by_exec = false;
};

// The word that makes the launcher's program a collector: FOLDER END_FD READY_FD follow.
inline constexpr char kCollectWord[] = "--collect";

class CollectorProcess {
 public:
  // Both are borrowed.
  CollectorProcess(const session::Session& session, const CollectorJob& job)
      : session_(session), job_(job) {}

  // Returns when it is ready to record, or after ten seconds. On trouble the program finds a
  // session that nobody records.
  void start();
  // -1: there is none.
  pid_t pid() const { return pid_; }
  // It has gone, and has been waited for: the program is not to wait for memory that nobody frees.
  void lost();
  // The program could not be started: nothing is left of the session.
  void cancel();
  // The program has ended: returns when the report is written, or given up, and says what is to be
  // said. As wait_for_report: all signals blocked, children reaped on the way.
  // True: the report is complete.
  bool finish(const collector::ProgramEnd& end);
  // Somebody did not want to wait for that.
  bool interrupted() const { return interrupted_; }

 private:
  void tell(const collector::ProgramEnd& end);
  pid_t start_recovery(const collector::ProgramEnd& end) const;

  const session::Session& session_;
  const CollectorJob& job_;
  pid_t pid_ = -1;
  bool interrupted_ = false;
  UniqueFd end_pipe_;
};

}  // namespace vtn::launcher

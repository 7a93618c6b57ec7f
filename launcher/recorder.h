// SPDX-License-Identifier: Apache-2.0
//
// The collector while the program runs: watches the traced processes and drains their chunks into
// the spool. One thread drains, the calling thread waits for deaths and for the program's end.
#pragma once

#include <memory>
#include <vector>

#include "launcher/arena_provision.h"
#include "launcher/collector.h"
#include "launcher/session.h"
#include "report/arena_drain.h"
#include "report/spool_writer.h"

namespace vtn {

// A process that ran without being recorded.
struct Untraced {
  uint32_t pid;
  UntracedReason reason;
  uint32_t python_version;
};

class Recorder {
 public:
  enum class Outcome { kProgramEnded, kSupervisorDied };

  // Both are borrowed.
  Recorder(const Session& session, SpoolWriter& spool);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Until the supervisor has told the program's end, or has died. Then all is drained and the
  // spool is closed.
  Outcome run(int end_fd, ProgramEnd& end);

  const std::vector<Untraced>& untraced() const { return untraced_; }

 private:
  struct Shared;

  void drain_loop();
  void wake_watcher();
  void top_up();
  void note_clock(bool now);
  Outcome watch(int end_fd, ProgramEnd& end);
  void await_deaths(int timeout_ms);

  const Session& session_;
  SpoolWriter& spool_;
  const ClockKind clock_;
  ArenaProvision provision_;
  ArenaDrain drain_;
  std::unique_ptr<Shared> shared_;
  std::vector<Untraced> untraced_;
  uint64_t next_clock_ns_ = 0;
};

// The last frames of a spool: how the run ended; then index and trailer.
Status close_spool(SpoolWriter& spool, const ProgramEnd* end, uint64_t lost_chunks);

}  // namespace vtn

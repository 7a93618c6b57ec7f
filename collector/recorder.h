// SPDX-License-Identifier: Apache-2.0
//
// The collector while the program runs: watches the traced processes and drains their chunks into
// the spool. One thread drains, the calling thread waits for deaths, for the program's end, and
// after that for its children's if that is wanted.
#pragma once

#include <memory>
#include <vector>

#include "collector/drain.h"
#include "collector/process_watch.h"
#include "collector/program_end.h"
#include "session/arena_provision.h"
#include "session/session.h"
#include "spool/writer.h"

namespace vtn::collector {

class Recorder {
 public:
  enum class Outcome { kProgramEnded, kSupervisorDied };

  // Session and spool are borrowed.
  Recorder(const session::Session& session,
           spool::Writer& spool,
           const session::RecordSettings& settings);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Until the supervisor has told the program's end (and what is to be waited for is over), or has
  // died. Then all is drained and the spool is closed.
  Outcome run(int end_fd, ProgramEnd& end);

  // After run(): processes of the session live on.
  bool some_live_on() const { return watch_.living() != 0; }

 private:
  struct Shared;

  Drain::Pass drain_once(std::vector<uint32_t> dead);
  void drain_loop();
  void wake_drainer();
  void wake_watcher();
  void top_up();
  void note_clock(bool now);
  Outcome watch(int end_fd, ProgramEnd& end);
  void wait_for_children();
  void turn(int end_fd, int timeout_ms, bool& end_told);
  void await_deaths(int timeout_ms);

  const session::Session& session_;
  spool::Writer& spool_;
  const ClockKind clock_;
  const int wait_children_ms_;
  session::ArenaProvision provision_;
  session::SlotProvision slot_provision_;
  ProcessWatch watch_;
  Drain drain_;
  std::unique_ptr<Shared> shared_;
  uint64_t first_clock_ns_ = 0;
  uint64_t next_clock_ns_ = 0;
  bool alone_ = false;  // no second thread could be started: the watcher drains
};

// The last frames of a spool: how the run ended; then index and trailer.
Status close_spool(spool::Writer& spool,
                   const ProgramEnd* end,
                   uint64_t lost_chunks,
                   const ControlPage& control);

}  // namespace vtn::collector

// SPDX-License-Identifier: Apache-2.0
//
// Watches the processes of a session, one pidfd each: when they die, how, and what they call
// themselves. Where no pidfd is to be had (no descriptor left, an old kernel) it looks every now
// and then.
//
//   drain thread    met(), changed(), lives(), fate(); take_dead()
//   watcher         waits on fd() for at most timeout_ms(), then collect()
//
// Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <stdint.h>
#include <sys/types.h>

#include "abi/session_abi.h"
#include "base/fd.h"
#include "base/mutex.h"
#include "base/processes.h"
#include "collector/process_probe.h"

namespace vtn::collector {

// What a kernel may not have. Tests take parts away.
struct KernelCalls {
  UniqueFd (*open_pidfd)(pid_t pid) = vtn::open_pidfd;
  std::optional<int32_t> (*exit_status_of)(int pidfd) = vtn::exit_status_of;
  std::optional<ProcessStat> (*read_process_stat)(pid_t pid) = vtn::read_process_stat;
};

class ProcessWatch : public ProcessProbe {
 public:
  // `our_mapping` is part of the path of a file that every program has mapped which we are in;
  // empty: nobody looks for those which we are not in.
  explicit ProcessWatch(ClockKind clock,
                        const KernelCalls& kernel = {},
                        std::string our_mapping = {});
  ~ProcessWatch() override;
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

  SeenProcess met(uint32_t process, const ProcessSlot& slot, uint32_t parent_pid) override;
  void changed(uint32_t process) override;
  bool lives(uint32_t process) override;
  ProcessFate fate(uint32_t process) override;
  uint32_t parent_of(uint32_t pid) override;

  // Readable when collect() has something to do.
  int fd() const { return epoll_.get(); }
  // How long to wait for that at most; -1: as long as it takes.
  int timeout_ms() const;
  // True: somebody has died.
  bool collect();

  // Processes that have died since the last call, in order.
  std::vector<uint32_t> take_dead();
  // Processes that have not.
  size_t living() const;
  // Those of them that somebody waits for: but for the ones that ran before the session did.
  size_t awaited() const;

 private:
  struct Watched {
    pid_t pid = 0;
    UniqueFd pidfd;         // empty: looked at now and then
    bool attached = false;  // and no other program since
    bool died = false;
    uint64_t died_ns = 0;
    std::optional<int32_t> wait_status;
    uint64_t end_ticks = 0;
    uint64_t met_ns = 0;
    uint32_t images = 0;  // counts changes of its program
    std::string command_line;
    bool looked_at = false;   // its current program
    uint64_t ours_ticks = 0;  // when that was known to be one which we are in
    bool past_us = false;     // it is not any more
    std::string executable;   // then
  };

  bool alive(const Watched& watched) const;
  void note_death(Watched& watched) const;
  bool settle(const Watched& watched, std::optional<int32_t>& wait_status) const;
  void settle_all() VTN_REQUIRES(mutex_);
  void look_at_unwatched() VTN_REQUIRES(mutex_);
  void read_titles(uint64_t now_ns);
  void look_at(uint32_t process, pid_t pid, uint32_t images);
  Watched* still_running(uint32_t process, uint32_t images) VTN_REQUIRES(mutex_);
  void wake();

  const ClockKind clock_;
  const KernelCalls kernel_;
  const std::string our_mapping_;
  const uint32_t own_namespace_;
  UniqueFd epoll_;
  UniqueFd wake_;
  mutable Mutex mutex_;
  std::unordered_map<uint32_t, Watched> watched_ VTN_GUARDED_BY(mutex_);  // by number
  std::vector<uint32_t> settling_ VTN_GUARDED_BY(mutex_);   // dead, how is not known yet
  std::vector<uint32_t> unwatched_ VTN_GUARDED_BY(mutex_);  // without a pidfd
  std::vector<uint32_t> dead_ VTN_GUARDED_BY(mutex_);
  size_t living_ VTN_GUARDED_BY(mutex_) = 0;
  uint64_t next_titles_ns_ VTN_GUARDED_BY(mutex_) = UINT64_MAX;
};

}  // namespace vtn::collector

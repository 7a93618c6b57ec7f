// SPDX-License-Identifier: Apache-2.0
#include "launcher/recorder.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/freestanding/atomic.h"
#include "base/freestanding/syscalls.h"
#include "base/log.h"
#include "base/mutex.h"
#include "report/clock_map.h"

namespace vtn {

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
// The second triple comes soon, so that short runs have a rate; later ones every second.
constexpr uint64_t kFirstClockNs = 5'000'000;
// After a pass that found something: chunks gather meanwhile, and nobody has to wake us.
constexpr long kGatherNs = 300'000;
// While there is something to drain the watcher looks so often, and gives the arena more memory
// itself if the drain thread has been away for so long: a disk may hold it up for seconds, and the
// program must not wait for a disk.
constexpr int kBusyLookMs = 10;
constexpr uint64_t kHeldUpNs = 5'000'000;
constexpr int kLastDeathsMs = 1000;  // a killed supervisor's program has so long to die

uint64_t monotonic_ns() {
  struct timespec now = {};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecondNs + static_cast<uint64_t>(now.tv_nsec);
}

unsigned processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? static_cast<unsigned>(CPU_COUNT(&set)) : 1;
}

// One thread that drains for every three processors: the others are the program's.
constexpr unsigned kProcessorsPerDrainThread = 3;

}  // namespace

struct Recorder::Shared {
  struct Watched {
    uint32_t slot;
    UniqueFd pidfd;
  };

  Mutex mutex;
  std::vector<Watched> fresh VTN_GUARDED_BY(mutex);  // from the drain thread to the watcher
  std::vector<uint32_t> dead VTN_GUARDED_BY(mutex);  // slots, the other way
  bool stop VTN_GUARDED_BY(mutex) = false;
  UniqueFd wake;  // eventfd: there is something in `fresh`, or `busy` has become true
  std::atomic<bool> busy{false};            // chunks come in
  std::atomic<uint64_t> round_began_ns{0};  // the drain thread's
  Mutex provision_mutex;                    // for provision_; taken alone
  std::vector<Watched> watched;             // the watcher's own
};

Recorder::Recorder(const Session& session, SpoolWriter& spool)
    : session_(session),
      spool_(spool),
      clock_(static_cast<ClockKind>(spool.model().header.clock_kind)),
      provision_(session.arena, session.arena_fd.get()),
      drain_(session.arena,
             clock_,
             spool,
             processors() > 1,
             std::max(1u, processors() / kProcessorsPerDrainThread)),
      shared_(std::make_unique<Shared>()) {}

Recorder::~Recorder() = default;

void Recorder::note_clock(bool now) {
  const uint64_t time_ns = monotonic_ns();
  if (now || time_ns >= next_clock_ns_) {
    next_clock_ns_ = time_ns + (next_clock_ns_ == 0 ? kFirstClockNs : kSecondNs);
    (void)spool_.append_struct(FrameKind::kClock, read_clock_triple(clock_));
  }
}

void Recorder::wake_watcher() {
  const uint64_t one = 1;
  (void)!write(shared_->wake.get(), &one, sizeof(one));
}

void Recorder::top_up() {
  MutexLock lock(shared_->provision_mutex);
  if (!provision_.exhausted()) {
    if (Status status = provision_.top_up(); !status) {
      log_debug("%s", status.error().message.c_str());
    }
  }
}

void Recorder::drain_loop() {
  ControlPage* control = session_.arena.control;
  uint32_t seen_before = 0;
  for (;;) {
    std::vector<uint32_t> dead;
    bool stop = false;
    {
      MutexLock lock(shared_->mutex);
      dead.swap(shared_->dead);
      stop = shared_->stop;
    }
    if (stop && dead.empty()) {
      return;
    }
    // Acquire: what is counted here is full when the pass looks.
    const uint32_t seen = load_acquire(&control->full_chunks);
    shared_->round_began_ns.store(monotonic_ns(), std::memory_order_relaxed);
    if (const bool busy = seen != seen_before;
        shared_->busy.exchange(busy, std::memory_order_relaxed) != busy && busy) {
      wake_watcher();
    }
    seen_before = seen;
    const size_t taken = drain_.pass();
    for (const uint32_t slot : dead) {
      drain_.process_ended(slot);
    }
    top_up();
    note_clock(false);
    bool again = stop;  // with deaths to see to: no wake will come any more
    for (const NewProcess& process : drain_.take_new_processes()) {
      if (process.image == kNoImage) {
        untraced_.push_back(Untraced{process.pid, process.reason, process.python_version});
      }
      UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
      MutexLock lock(shared_->mutex);
      if (pidfd) {
        shared_->fresh.push_back(Shared::Watched{process.slot, std::move(pidfd)});
        wake_watcher();
      } else if (errno == ESRCH) {
        shared_->dead.push_back(process.slot);
        again = true;
      }
    }
    if (again) {
      continue;
    }
    if (taken != 0) {
      const struct timespec gather = {0, kGatherNs};
      (void)nanosleep(&gather, nullptr);
      continue;
    }
    // The futex compares again, after the store: a chunk that got full meanwhile is not missed.
    store_relaxed(&control->collector_waiting, uint32_t{1});
    const uint64_t now = monotonic_ns();
    (void)futex_wait(&control->full_chunks, seen, next_clock_ns_ > now ? next_clock_ns_ - now : 0);
    store_relaxed(&control->collector_waiting, uint32_t{0});
  }
}

Recorder::Outcome Recorder::watch(int end_fd, ProgramEnd& end) {
  ControlPage* control = session_.arena.control;
  std::vector<struct pollfd> polls;
  for (;;) {
    polls.clear();
    polls.push_back({end_fd, POLLIN, 0});
    polls.push_back({shared_->wake.get(), POLLIN, 0});
    for (const Shared::Watched& watched : shared_->watched) {
      polls.push_back({watched.pidfd.get(), POLLIN, 0});
    }
    const bool busy = shared_->busy.load(std::memory_order_relaxed);
    if (poll(polls.data(), polls.size(), busy ? kBusyLookMs : -1) < 0 && errno != EINTR) {
      return Outcome::kSupervisorDied;
    }
    if (busy &&
        monotonic_ns() - shared_->round_began_ns.load(std::memory_order_relaxed) > kHeldUpNs) {
      top_up();
    }
    // From the back, so that places stay as they are.
    for (size_t i = shared_->watched.size(); i-- > 0;) {
      if (polls[i + 2].revents != 0) {
        MutexLock lock(shared_->mutex);
        shared_->dead.push_back(shared_->watched[i].slot);
        shared_->watched.erase(shared_->watched.begin() + static_cast<ptrdiff_t>(i));
        add_release(&control->full_chunks, uint32_t{1});  // so that the drain thread looks
        futex_wake(&control->full_chunks, 1);
      }
    }
    if (polls[1].revents != 0) {
      uint64_t count = 0;
      (void)!read(shared_->wake.get(), &count, sizeof(count));
      MutexLock lock(shared_->mutex);
      for (Shared::Watched& watched : shared_->fresh) {
        shared_->watched.push_back(std::move(watched));
      }
      shared_->fresh.clear();
    }
    if (polls[0].revents != 0) {
      auto got = read_all(end_fd, &end, sizeof(end));
      return got && *got == sizeof(end) ? Outcome::kProgramEnded : Outcome::kSupervisorDied;
    }
  }
}

// Hands the slots of dead processes to the drain, which nobody else uses any more.
void Recorder::await_deaths(int timeout_ms) {
  {
    MutexLock lock(shared_->mutex);
    for (Shared::Watched& watched : shared_->fresh) {
      shared_->watched.push_back(std::move(watched));
    }
    shared_->fresh.clear();
    for (const uint32_t slot : shared_->dead) {
      drain_.process_ended(slot);
    }
    shared_->dead.clear();
  }
  const uint64_t until_ns = monotonic_ns() + static_cast<uint64_t>(timeout_ms) * 1'000'000;
  do {
    std::vector<struct pollfd> polls;
    for (const Shared::Watched& watched : shared_->watched) {
      polls.push_back({watched.pidfd.get(), POLLIN, 0});
    }
    if (polls.empty() || poll(polls.data(), polls.size(), timeout_ms) <= 0) {
      return;
    }
    for (size_t i = polls.size(); i-- > 0;) {
      if (polls[i].revents != 0) {
        drain_.process_ended(shared_->watched[i].slot);
        shared_->watched.erase(shared_->watched.begin() + static_cast<ptrdiff_t>(i));
      }
    }
  } while (monotonic_ns() < until_ns);
}

Recorder::Outcome Recorder::run(int end_fd, ProgramEnd& end) {
  shared_->wake = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  note_clock(true);
  std::thread drainer([this] { drain_loop(); });
  const Outcome outcome = watch(end_fd, end);
  ControlPage* control = session_.arena.control;
  store_release(&control->state, static_cast<uint32_t>(SessionState::kStopping));
  {
    MutexLock lock(shared_->mutex);
    shared_->stop = true;
    add_release(&control->full_chunks, uint32_t{1});
    futex_wake(&control->full_chunks, 1);
  }
  drainer.join();
  (void)drain_.pass();  // processes that came last
  for (const NewProcess& process : drain_.take_new_processes()) {
    if (process.image == kNoImage) {
      untraced_.push_back(Untraced{process.pid, process.reason, process.python_version});
    }
  }
  await_deaths(outcome == Outcome::kSupervisorDied ? kLastDeathsMs : 0);
  drain_.take_rest();
  note_clock(true);
  if (Status status = close_spool(
          spool_, outcome == Outcome::kProgramEnded ? &end : nullptr, drain_.chunks_discarded());
      !status) {
    log_debug("%s", status.error().message.c_str());
  }
  return outcome;
}

Status close_spool(SpoolWriter& spool, const ProgramEnd* end, uint64_t lost_chunks) {
  RunEndFrame frame = {};
  frame.lost_chunks = lost_chunks;
  frame.flags = lost_chunks != 0 ? kRunDiskFull : 0u;
  if (end != nullptr) {
    frame.flags |= end->wait_status == kUnknownWaitStatus ? 0u : kRunHasStatus;
    frame.wait_status = end->wait_status;
    frame.pid = static_cast<uint32_t>(end->pid);
    frame.start_ns = end->start_ns;
    frame.end_ns = end->end_ns;
  }
  VTN_TRY(spool.append_struct(FrameKind::kRunEnd, frame));
  return spool.close();
}

}  // namespace vtn

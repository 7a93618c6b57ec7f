// SPDX-License-Identifier: Apache-2.0
#include "collector/recorder.h"

#include <algorithm>
#include <atomic>
#include <optional>

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/freestanding/atomic.h"
#include "base/freestanding/syscalls.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/threads.h"
#include "spool/clock_map.h"
#include "tracer/clock.h"

namespace vtn::collector {

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
// The second triple comes soon, so that short runs have a rate.
constexpr uint64_t kFirstClockNs = 5'000'000;
// After a pass that found chunks: more gather meanwhile, and nobody has to wake us.
constexpr long kGatherNs = 300'000;
// After one that only heard of processes: where one came others follow, and a short one should not
// pay for waking us.
constexpr uint64_t kDozeNs = 10'000'000;
// While there is something to drain the watcher looks so often, and gives the arena more memory
// itself if the drain thread has been away for so long: a disk may hold it up for seconds, and the
// program must not wait for a disk.
constexpr int kBusyLookMs = 10;
constexpr uint64_t kHeldUpNs = 5'000'000;
// Who dies along with the program has so long to do it; and so long a killed supervisor's program.
constexpr int kLastDeathsMs = 20;
constexpr int kKilledDeathsMs = 1000;
// A child may get no processor before its parent has gone: so long its first word is awaited.
constexpr int kBirthsMs = 200;
constexpr int kBirthsLookMs = 1;
// A child may not have its slot yet when its parent has gone: so long nobody must be there before
// the waiting for children is over.
constexpr uint64_t kNobodyNs = 50'000'000;
// How often the only thread drains where no second one could be started.
constexpr int kAloneMs = 2;
constexpr int kNobodyLookMs = 10;

// One thread that drains for every three processors: the others are the program's.
constexpr unsigned kProcessorsPerDrainThread = 3;

}  // namespace

struct Recorder::Shared {
  std::atomic<bool> stop{false};
  UniqueFd wake;                            // eventfd: `busy` has become true
  std::atomic<bool> busy{false};            // chunks come in
  std::atomic<uint64_t> round_began_ns{0};  // the drain thread's
  Mutex provision_mutex;                    // for provision_; taken alone
};

Recorder::Recorder(const session::Session& session,
                   spool::Writer& spool,
                   const session::RecordSettings& settings)
    : session_(session),
      spool_(spool),
      clock_(static_cast<ClockKind>(spool.model().header.clock_kind)),
      wait_children_ms_(settings.wait_children_ms),
      provision_(session.arena, session.arena_fd.get()),
      slot_provision_(session.arena, session.control_fd.get()),
      watch_(clock_, {}, name_of(session.folder) + "/" + kControlFileName),
      drain_(session.arena,
             clock_,
             spool,
             watch_,
             worker_count() > 1,
             std::max(1u, worker_count() / kProcessorsPerDrainThread),
             settings.calls),
      shared_(std::make_unique<Shared>()) {}

Recorder::~Recorder() = default;

void Recorder::note_clock(bool now) {
  const uint64_t time_ns = tracer::monotonic_ns();
  if (now || time_ns >= next_clock_ns_) {
    first_clock_ns_ = next_clock_ns_ == 0 ? time_ns : first_clock_ns_;
    next_clock_ns_ =
        time_ns +
        (next_clock_ns_ == 0 ? kFirstClockNs : spool::clock_interval_ns(time_ns - first_clock_ns_));
    (void)spool_.append_struct(spool::FrameKind::kClock, spool::read_clock_triple(clock_));
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

void Recorder::wake_drainer() {
  ControlPage* control = session_.arena.control;
  add_release(&control->full_chunks, uint32_t{1});
  futex_wake(&control->full_chunks, 1);
}

Drain::Pass Recorder::drain_once(std::vector<uint32_t> dead) {
  drain_.processes_died(std::move(dead));
  // Who waits for a chunk to be given back may read the file the next moment: a report of a
  // recording that goes on, which has no times without a rate.
  if (spool_.model().clock.size() == 1 && load_acquire(&session_.arena.control->full_chunks) != 0) {
    (void)spool_.append_struct(spool::FrameKind::kClock, spool::read_clock_triple(clock_));
  }
  const Drain::Pass pass = drain_.pass();
  top_up();
  if (Status status = slot_provision_.top_up(drain_.slots_in_use()); !status) {
    log_debug("%s", status.error().message.c_str());
  }
  note_clock(false);
  return pass;
}

void Recorder::drain_loop() {
  ControlPage* control = session_.arena.control;
  uint32_t seen_before = 0;
  bool dozed = false;  // and nobody has cut that short: it cannot have been for a chunk
  for (;;) {
    const bool stop = shared_->stop.load(std::memory_order_acquire);
    std::vector<uint32_t> dead = watch_.take_dead();
    if (stop && dead.empty()) {
      return;
    }
    // Acquire: what is counted here is full when the pass looks.
    const uint32_t seen = load_acquire(&control->full_chunks);
    shared_->round_began_ns.store(tracer::monotonic_ns(), std::memory_order_relaxed);
    if (const bool busy = seen != seen_before && !dozed;
        shared_->busy.exchange(busy, std::memory_order_relaxed) != busy && busy) {
      wake_watcher();
    }
    seen_before = seen;
    const Drain::Pass pass = drain_once(std::move(dead));
    dozed = false;
    if (pass.chunks) {
      const struct timespec gather = {0, kGatherNs};
      (void)nanosleep(&gather, nullptr);
      continue;
    }
    // The futex compares again, after the store: a chunk that got full meanwhile is not missed.
    store_relaxed(&control->collector_waiting,
                  uint32_t{pass.processes ? VTN_COLLECTOR_DOZING : VTN_COLLECTOR_ASLEEP});
    const uint64_t now = tracer::monotonic_ns();
    const uint64_t most_ns = next_clock_ns_ > now ? std::min(next_clock_ns_ - now, kSecondNs) : 0;
    const long waited = futex_wait(
        &control->full_chunks, seen, pass.processes ? std::min(kDozeNs, most_ns) : most_ns);
    store_relaxed(&control->collector_waiting, uint32_t{VTN_COLLECTOR_AWAKE});
    dozed = pass.processes && waited == -ETIMEDOUT;
  }
}

// Waits once, and does what has become due. `end_fd` -1: it is not waited for any more.
void Recorder::turn(int end_fd, int timeout_ms, bool& end_told) {
  const bool busy = shared_->busy.load(std::memory_order_relaxed);
  int wait_ms = watch_.timeout_ms();
  for (const int other : {timeout_ms, alone_ ? kAloneMs : busy ? kBusyLookMs : -1}) {
    wait_ms = wait_ms < 0 ? other : (other < 0 ? wait_ms : std::min(wait_ms, other));
  }
  struct pollfd polls[] = {
      {end_fd, POLLIN, 0}, {shared_->wake.get(), POLLIN, 0}, {watch_.fd(), POLLIN, 0}};
  const int ready = poll(polls, 3, wait_ms);
  if (busy && tracer::monotonic_ns() - shared_->round_began_ns.load(std::memory_order_relaxed) >
                  kHeldUpNs) {
    top_up();
  }
  if (watch_.collect()) {
    wake_drainer();
  }
  if (ready > 0 && polls[1].revents != 0) {
    uint64_t count = 0;
    (void)!read(shared_->wake.get(), &count, sizeof(count));
  }
  end_told = ready > 0 && polls[0].revents != 0;
  if (alone_) {
    (void)drain_once(watch_.take_dead());
  }
}

Recorder::Outcome Recorder::watch(int end_fd, ProgramEnd& end) {
  bool end_told = false;
  while (!end_told) {
    turn(end_fd, -1, end_told);
  }
  auto got = read_all(end_fd, &end, sizeof(end));
  if (!got || *got != sizeof(end)) {
    return Outcome::kSupervisorDied;
  }
  if (wait_children_ms_ >= 0 && end.pid != 0) {
    wait_for_children();
  }
  return Outcome::kProgramEnded;
}

// Until nobody of the session lives, the time is over, or a signal says that it is enough.
void Recorder::wait_for_children() {
  const uint64_t began_ns = tracer::monotonic_ns();
  const uint64_t most_ns = wait_children_ms_ == INT_MAX
                               ? UINT64_MAX
                               : static_cast<uint64_t>(wait_children_ms_) * 1'000'000;
  uint64_t nobody_since_ns = 0;
  for (;;) {
    if (is_pending(kStopWaitingSignal) || is_pending(kGiveUpSignal)) {
      return;
    }
    const uint64_t now = tracer::monotonic_ns();
    if (watch_.awaited() != 0) {
      nobody_since_ns = 0;
    } else if (nobody_since_ns == 0) {
      nobody_since_ns = now;
      wake_drainer();
    } else if (now - nobody_since_ns >= kNobodyNs) {
      return;
    }
    if (now - began_ns >= most_ns) {
      return;
    }
    bool ignored = false;
    turn(-1, kNobodyLookMs, ignored);
  }
}

// The drain thread has ended: what it did is done here.
void Recorder::await_deaths(int timeout_ms) {
  const uint64_t until_ns = tracer::monotonic_ns() + static_cast<uint64_t>(timeout_ms) * 1'000'000;
  const ControlPage* control = session_.arena.control;
  const uint64_t born_ns = tracer::monotonic_ns() + uint64_t{kBirthsMs} * 1'000'000;
  for (;;) {
    // Acquire: who has been counted has its slot. Before the pass, which then finds it.
    const bool all_born = load_acquire(&control->forks_met) == load_relaxed(&control->forks_begun);
    (void)watch_.collect();
    drain_.processes_died(watch_.take_dead());
    (void)drain_.pass();
    const uint64_t now = tracer::monotonic_ns();
    const bool births = !all_born && now < born_ns;
    if (!births && (watch_.living() == 0 || now >= until_ns)) {
      return;
    }
    struct pollfd waiting = {watch_.fd(), POLLIN, 0};
    int wait_ms = births ? kBirthsLookMs : static_cast<int>((until_ns - now + 999'999) / 1'000'000);
    if (const int due_ms = watch_.timeout_ms(); due_ms >= 0) {
      wait_ms = std::min(wait_ms, due_ms);
    }
    (void)poll(&waiting, 1, wait_ms);
  }
}

Recorder::Outcome Recorder::run(int end_fd, ProgramEnd& end) {
  shared_->wake = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  note_clock(true);
  auto drainer = Thread::start([this] { drain_loop(); });
  alone_ = !drainer;
  if (alone_) {
    log_debug("%s: this one drains as well", drainer.error().message.c_str());
  }
  const Outcome outcome = watch(end_fd, end);
  ControlPage* control = session_.arena.control;
  store_release(&control->state, static_cast<uint32_t>(SessionState::kStopping));
  shared_->stop.store(true, std::memory_order_release);
  wake_drainer();
  if (drainer) {
    drainer->join();
  }
  await_deaths(outcome == Outcome::kSupervisorDied ? kKilledDeathsMs : kLastDeathsMs);
  drain_.take_rest();
  note_clock(true);
  if (Status status = close_spool(spool_,
                                  outcome == Outcome::kProgramEnded ? &end : nullptr,
                                  drain_.chunks_discarded(),
                                  *control);
      !status) {
    log_debug("%s", status.error().message.c_str());
  }
  return outcome;
}

Status close_spool(spool::Writer& spool,
                   const ProgramEnd* end,
                   uint64_t lost_chunks,
                   const ControlPage& control) {
  spool::RunEndFrame frame = {};
  frame.lost_chunks = lost_chunks;
  frame.unslotted = load_relaxed(&control.unslotted);
  frame.spool_error =
      spool.failed() ? static_cast<uint32_t>(spool.failure()) : load_relaxed(&control.spool_error);
  frame.flags = frame.spool_error != 0 ? spool::kRunSpoolFailed : 0u;
  if (end != nullptr) {
    frame.flags |= end->wait_status == kUnknownWaitStatus ? 0u : spool::kRunHasStatus;
    frame.wait_status = end->wait_status;
    frame.pid = static_cast<uint32_t>(end->pid);
    frame.start_ns = end->start_ns;
    frame.end_ns = end->end_ns;
  }
  VTN_TRY(spool.append_struct(spool::FrameKind::kRunEnd, frame));
  return spool.close();
}

}  // namespace vtn::collector

// SPDX-License-Identifier: Apache-2.0
#include "collector/process_watch.h"

#include <algorithm>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "tracer/clock.h"

namespace vtn::collector {

namespace {

constexpr uint64_t kMillisecondNs = 1'000'000;
// A zombie's parent may be about to wait for it, and then the kernel tells how it ended.
constexpr uint64_t kSettleNs = 10 * kMillisecondNs;
constexpr int kSettleLookMs = 1;
constexpr int kUnwatchedLookMs = 20;
// Programs give themselves titles soon after their start, and later ones seldom.
constexpr uint64_t kFirstTitleNs = 50 * kMillisecondNs;
constexpr uint64_t kYoungNs = 1000 * kMillisecondNs;
constexpr uint64_t kYoungTitleNs = 200 * kMillisecondNs;
constexpr uint64_t kTitleNs = 1000 * kMillisecondNs;

constexpr uint64_t kWakeTag = UINT64_MAX;

}  // namespace

ProcessWatch::ProcessWatch(ClockKind clock, const KernelCalls& kernel, std::string our_mapping)
    : clock_(clock),
      kernel_(kernel),
      our_mapping_(std::move(our_mapping)),
      own_namespace_(own_pid_namespace()),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  struct epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = kWakeTag;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    log_debug("cannot watch processes");
  }
}

ProcessWatch::~ProcessWatch() = default;

void ProcessWatch::wake() {
  const uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof(one));
}

SeenProcess ProcessWatch::met(uint32_t process, const ProcessSlot& slot, uint32_t parent_pid) {
  SeenProcess seen = {slot.pid, 0};
  if (slot.pid_namespace != 0 && own_namespace_ != 0 && slot.pid_namespace != own_namespace_) {
    seen = find_in_namespace(slot.pid_namespace, slot.pid, parent_pid);
  }
  Watched watched;
  watched.pid = static_cast<pid_t>(seen.pid);
  watched.attached = (slot.flags & kSlotAttached) != 0;
  watched.met_ns = tracer::monotonic_ns();
  watched.ours_ticks = tracer::read_ticks(clock_);
  bool gone = watched.pid <= 0;
  if (!gone) {
    watched.pidfd = kernel_.open_pidfd(watched.pid);
    gone = !watched.pidfd && errno == ESRCH;
  }
  struct epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = process;
  MutexLock lock(mutex_);
  if (watched.pidfd && epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, watched.pidfd.get(), &event) != 0) {
    watched.pidfd.reset();
  }
  const bool unwatched = !gone && !watched.pidfd;
  bool call = false;
  ++living_;
  Watched& kept = watched_[process] = std::move(watched);
  if (gone) {
    note_death(kept);
    kept.pid = 0;  // another's soon
    dead_.push_back(process);
    --living_;
    return seen;
  }
  if (unwatched) {
    call = unwatched_.empty();
    unwatched_.push_back(process);
  }
  if (const uint64_t title_ns = kept.met_ns + kFirstTitleNs; title_ns < next_titles_ns_) {
    next_titles_ns_ = title_ns;
    call = true;
  }
  if (call) {
    wake();
  }
  return seen;
}

void ProcessWatch::changed(uint32_t process) {
  MutexLock lock(mutex_);
  if (const auto found = watched_.find(process); found != watched_.end()) {
    ++found->second.images;
    found->second.attached = false;
    found->second.command_line.clear();
    found->second.met_ns = tracer::monotonic_ns();
    found->second.ours_ticks = tracer::read_ticks(clock_);
    found->second.looked_at = found->second.past_us = false;
    next_titles_ns_ = std::min(next_titles_ns_, found->second.met_ns + kFirstTitleNs);
  }
}

bool ProcessWatch::alive(const Watched& watched) const {
  if (watched.pidfd) {
    struct pollfd waiting = {watched.pidfd.get(), POLLIN, 0};
    return poll(&waiting, 1, 0) == 0;
  }
  const auto stat = kernel_.read_process_stat(watched.pid);
  return stat ? stat->state != 'Z' && stat->state != 'X'
              : kill(watched.pid, 0) == 0 || errno == EPERM;
}

bool ProcessWatch::lives(uint32_t process) {
  MutexLock lock(mutex_);
  const auto found = watched_.find(process);
  return found != watched_.end() && !found->second.died && alive(found->second);
}

ProcessFate ProcessWatch::fate(uint32_t process) {
  pid_t living = 0;
  uint32_t images = 0;
  {
    MutexLock lock(mutex_);
    if (const auto found = watched_.find(process);
        found != watched_.end() && !found->second.died && alive(found->second)) {
      living = found->second.pid;
      images = found->second.images;
    }
  }
  if (living > 0) {
    look_at(process, living, images);
  }
  MutexLock lock(mutex_);
  ProcessFate fate;
  const auto found = watched_.find(process);
  if (found == watched_.end()) {
    fate.died = true;
    return fate;
  }
  Watched& watched = found->second;
  if (!watched.died && !alive(watched)) {
    note_death(watched);  // a moment ago: collect() has not come round
    settling_.push_back(process);
  }
  if (watched.died && !watched.wait_status) {
    (void)settle(watched, watched.wait_status);
  }
  fate.died = watched.died;
  fate.end_ticks = watched.end_ticks;
  fate.status_known = watched.wait_status.has_value();
  fate.wait_status = watched.wait_status.value_or(0);
  fate.command_line = std::move(watched.command_line);
  fate.past_us_ticks = watched.past_us ? watched.ours_ticks : 0;
  fate.executable = std::move(watched.executable);
  if (watched.died) {
    living_ -= std::erase(settling_, process);  // collect() will not find it to count it out
    watched_.erase(found);
  }
  return fate;
}

uint32_t ProcessWatch::parent_of(uint32_t pid) {
  const auto stat = pid == 0 ? std::nullopt : kernel_.read_process_stat(static_cast<pid_t>(pid));
  return stat ? stat->parent_pid : 0;
}

int ProcessWatch::timeout_ms() const {
  MutexLock lock(mutex_);
  if (!settling_.empty()) {
    return kSettleLookMs;
  }
  int timeout = -1;
  if (next_titles_ns_ != UINT64_MAX) {
    const uint64_t now = tracer::monotonic_ns();
    timeout = next_titles_ns_ <= now
                  ? 0
                  : static_cast<int>((next_titles_ns_ - now + kMillisecondNs - 1) / kMillisecondNs);
  }
  return unwatched_.empty()
             ? timeout
             : (timeout < 0 ? kUnwatchedLookMs : std::min(timeout, kUnwatchedLookMs));
}

void ProcessWatch::note_death(Watched& watched) const {
  watched.died = true;
  watched.died_ns = tracer::monotonic_ns();
  watched.end_ticks = tracer::read_ticks(clock_);
}

// How it ended, from whoever knows by now. False: the kernel may come to know more.
bool ProcessWatch::settle(const Watched& watched, std::optional<int32_t>& wait_status) const {
  if (watched.pidfd) {
    wait_status = kernel_.exit_status_of(watched.pidfd.get());
  }
  bool there = false;
  if (!wait_status && watched.pid > 0) {
    if (const auto stat = kernel_.read_process_stat(watched.pid)) {
      there = true;
      wait_status = stat->wait_status;
    }
  }
  if (!wait_status && watched.pidfd) {
    wait_status = kernel_.exit_status_of(watched.pidfd.get());  // waited for in between
  }
  return wait_status.has_value() || !there;
}

void ProcessWatch::settle_all() {
  const uint64_t now = tracer::monotonic_ns();
  std::erase_if(settling_, [&](uint32_t process) VTN_REQUIRES(mutex_) {
    const auto found = watched_.find(process);
    if (found == watched_.end()) {
      return true;
    }
    Watched& watched = found->second;
    if (!settle(watched, watched.wait_status) && now - watched.died_ns < kSettleNs) {
      return false;
    }
    watched.pidfd.reset();
    dead_.push_back(process);
    --living_;
    return true;
  });
}

void ProcessWatch::look_at_unwatched() {
  std::erase_if(unwatched_, [&](uint32_t process) VTN_REQUIRES(mutex_) {
    const auto found = watched_.find(process);
    if (found == watched_.end() || found->second.died) {
      return true;
    }
    if (alive(found->second)) {
      return false;
    }
    note_death(found->second);
    settling_.push_back(process);
    return true;
  });
}

bool ProcessWatch::collect() {
  struct epoll_event events[64];
  int count = 0;
  do {
    count = epoll_wait(epoll_.get(), events, 64, 0);
    MutexLock lock(mutex_);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.u64 == kWakeTag) {
        uint64_t ignored = 0;
        (void)!read(wake_.get(), &ignored, sizeof(ignored));
        continue;
      }
      const auto process = static_cast<uint32_t>(events[i].data.u64);
      if (const auto found = watched_.find(process); found != watched_.end()) {
        (void)epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.pidfd.get(), nullptr);
        note_death(found->second);
        settling_.push_back(process);
      }
    }
  } while (count == 64);
  uint64_t titles_ns = 0;
  bool died = false;
  {
    MutexLock lock(mutex_);
    look_at_unwatched();
    settle_all();
    died = !dead_.empty();
    titles_ns = next_titles_ns_;
  }
  if (const uint64_t now = tracer::monotonic_ns(); now >= titles_ns) {
    read_titles(now);
  }
  return died;
}

void ProcessWatch::read_titles(uint64_t now_ns) {
  struct Look {
    uint32_t process;
    pid_t pid;
    uint32_t images;
  };
  std::vector<Look> looks;
  bool young = false;
  {
    MutexLock lock(mutex_);
    for (const auto& [process, watched] : watched_) {
      if (!watched.died) {
        looks.push_back({process, watched.pid, watched.images});
        young = young || now_ns - watched.met_ns < kYoungNs;
      }
    }
    next_titles_ns_ = looks.empty() ? UINT64_MAX : now_ns + (young ? kYoungTitleNs : kTitleNs);
  }
  for (const Look& look : looks) {
    look_at(look.process, look.pid, look.images);
  }
}

// Null: it is dead, and its pid may be another's, or it runs another program by now.
ProcessWatch::Watched* ProcessWatch::still_running(uint32_t process, uint32_t images) {
  const auto found = watched_.find(process);
  const bool same = found != watched_.end() && !found->second.died &&
                    found->second.images == images && alive(found->second);
  return same ? &found->second : nullptr;
}

// Without the lock: /proc may keep whoever reads it waiting.
void ProcessWatch::look_at(uint32_t process, pid_t pid, uint32_t images) {
  std::string line = read_command_line(pid);
  if (line.empty()) {
    return;  // a zombie has none
  }
  {
    MutexLock lock(mutex_);
    Watched* watched = still_running(process, images);
    if (watched == nullptr) {
      return;
    }
    // Another program has another command line, nearly always; to look closer takes its time.
    const bool changed = !watched->looked_at || watched->command_line != line;
    watched->command_line = std::move(line);
    if (!changed || our_mapping_.empty()) {
      return;
    }
  }
  const uint64_t ticks = tracer::read_ticks(clock_);
  const auto ours = maps_file(pid, our_mapping_);
  std::string executable = ours == false ? read_executable(pid) : "";
  MutexLock lock(mutex_);
  Watched* watched = still_running(process, images);
  if (watched == nullptr || !ours) {
    return;
  }
  watched->looked_at = true;
  watched->past_us = !*ours;
  if (*ours) {
    watched->ours_ticks = ticks;
  } else {
    watched->executable = std::move(executable);
  }
}

std::vector<uint32_t> ProcessWatch::take_dead() {
  MutexLock lock(mutex_);
  return std::exchange(dead_, {});
}

size_t ProcessWatch::living() const {
  MutexLock lock(mutex_);
  return living_;
}

size_t ProcessWatch::awaited() const {
  MutexLock lock(mutex_);
  return living_ -
         static_cast<size_t>(std::count_if(watched_.begin(), watched_.end(), [](const auto& one) {
           return one.second.attached && !one.second.died;
         }));
}

}  // namespace vtn::collector

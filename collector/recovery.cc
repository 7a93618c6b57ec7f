// SPDX-License-Identifier: Apache-2.0
#include "collector/recovery.h"

#include <map>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/freestanding/atomic.h"
#include "base/processes.h"
#include "collector/collector.h"
#include "collector/drain.h"
#include "collector/recorder.h"
#include "collector/spool_file.h"
#include "session/session.h"
#include "session/settings.h"
#include "spool/clock_map.h"
#include "spool/writer.h"

namespace vtn::collector {

namespace {

// Nobody watched the processes of a run whose collector died: what can be said of them afterwards.
class LateProbe : public collector::ProcessProbe {
 public:
  LateProbe(ClockKind clock, const spool::Model& model)
      : clock_(clock, model.clock),
        last_ticks_(model.clock.empty() ? 0 : model.clock.back().ticks) {
    for (const spool::ImageInfo& image : model.images) {
      started_.try_emplace(image.process, Started{image.pid, image.start_ticks});
    }
    for (const spool::StartInfo& start : model.starts) {
      started_.try_emplace(start.process, Started{start.pid, start.ticks});
    }
  }

  SeenProcess met(uint32_t process, const ProcessSlot& slot, uint32_t parent_pid) override {
    SeenProcess seen = {slot.pid, 0};
    if (slot.pid_namespace != 0 && slot.pid_namespace != own_pid_namespace()) {
      seen = find_in_namespace(slot.pid_namespace, slot.pid, parent_pid);
    }
    started_[process] = {seen.pid, slot.start_ticks};
    return seen;
  }
  void changed(uint32_t) override {}
  // Its pid may be another's by now: that one is younger.
  bool lives(uint32_t process) override {
    const auto found = started_.find(process);
    if (found == started_.end() || found->second.pid == 0) {
      return false;
    }
    const auto stat = read_process_stat(static_cast<pid_t>(found->second.pid));
    const bool alive = stat && stat->state != 'Z' && stat->state != 'X' &&
                       started_at_ns(*stat) <= clock_.to_ns(found->second.ticks) + kSlackNs;
    living_ = living_ || alive;
    return alive;
  }
  collector::ProcessFate fate(uint32_t process) override {
    collector::ProcessFate fate;
    fate.died = !lives(process);
    fate.end_ticks = fate.died ? last_ticks_ : 0;
    return fate;
  }
  uint32_t parent_of(uint32_t) override { return 0; }

  bool some_live_on() const { return living_; }

 private:
  struct Started {
    uint32_t pid;
    uint64_t ticks;
  };
  static constexpr uint64_t kSlackNs = 1'000'000'000;

  std::map<uint32_t, Started> started_;
  spool::ClockMap clock_;
  uint64_t last_ticks_;  // when the collector was last seen alive
  bool living_ = false;
};

// Drains what a dead collector left in the arena behind what it had spooled.
Result<Recovered> recover_session(const RecoveryRequest& request) {
  VTN_ASSIGN(session::Session session, session::open_session(request.source));
  VTN_ASSIGN(const UniqueFd lock, lock_control(session));
  Recovered recovered;
  recovered.session_folder = session.folder;
  recovered.may_move_spool = true;
  char link[4096];
  const ssize_t length =
      readlink(session.file(session::kSpoolLinkName).c_str(), link, sizeof(link));
  std::string path = length > 0 ? std::string(link, static_cast<size_t>(length)) : "";
  std::unique_ptr<spool::Writer> spool;
  if (!path.empty() && access(path.c_str(), F_OK) == 0) {
    VTN_ASSIGN(UniqueFd fd, open_file(path, O_RDWR));
    VTN_ASSIGN(auto reader, spool::Reader::open(std::move(fd), path));
    if (reader->closed()) {
      // The run's own collector outlived it and took all that lies in the arena: not once more.
      const spool::Model& model = reader->model();
      LateProbe probe(static_cast<ClockKind>(model.header.clock_kind), model);
      for (uint32_t number = 0; number < model.process_ends.size(); ++number) {
        recovered.some_live_on = recovered.some_live_on || probe.lives(number);
      }
      recovered.spool = std::move(reader);
      return recovered;
    }
    const uint64_t end_offset = reader->end_offset();
    auto model = reader->take_model();
    model->truncated = false;  // the arena holds what follows
    VTN_ASSIGN(spool, spool::Writer::resume(reader->take_fd(), std::move(model), end_offset));
  } else {
    VTN_ASSIGN(SpoolFile file,
               begin_spool(session, request.output, request.command_line, request.version));
    path = std::move(file.path);
    spool = std::move(file.spool);
  }
  const auto clock = static_cast<ClockKind>(spool->model().header.clock_kind);
  store_release(&session.arena.control->state, static_cast<uint32_t>(SessionState::kStopping));
  LateProbe probe(clock, spool->model());
  const auto settings = read_file(session.file(session::kSettingsFileName));
  collector::Drain drain(session.arena,
                         clock,
                         *spool,
                         probe,
                         true,
                         1,
                         session::limits_in(settings ? *settings : std::string()));
  drain.resume();
  drain.take_rest();
  recovered.some_live_on = probe.some_live_on();
  (void)spool->append_struct(spool::FrameKind::kClock, spool::read_clock_triple(clock));
  VTN_TRY(collector::close_spool(*spool,
                                 request.end ? &*request.end : nullptr,
                                 drain.chunks_discarded(),
                                 *session.arena.control));
  VTN_ASSIGN(UniqueFd fd, open_file(path, O_RDONLY));
  recovered.spool = spool::Reader::adopt(std::move(fd), path, spool->take_model());
  return recovered;
}

}  // namespace

Result<Recovered> recover(const RecoveryRequest& request) {
  become_collector();
  struct stat info = {};
  if (stat(request.source.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return recover_session(request);
  }
  Recovered recovered;
  VTN_ASSIGN(UniqueFd fd, open_finished_spool(request.source));
  VTN_ASSIGN(recovered.spool, spool::Reader::open(std::move(fd), request.source));
  recovered.may_move_spool = is_spool_name(request.source);
  return recovered;
}

}  // namespace vtn::collector

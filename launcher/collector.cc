// SPDX-License-Identifier: Apache-2.0
#include "launcher/collector.h"

#include <map>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "base/freestanding/atomic.h"
#include "base/log.h"
#include "base/processes.h"
#include "collector/recorder.h"
#include "launcher/reports.h"
#include "spool/clock_map.h"
#include "spool/reader.h"
#include "spool/writer.h"

namespace vtn::launcher {

namespace {

constexpr char kProcessName[] = "vtn-collector";
constexpr char kOomScore[] = "500";  // rather us than the program
constexpr int kSpoolLookMs = 10;
constexpr int kSpoolWaitMs = 5000;  // for a spool that is being written

void become_collector() {
  (void)prctl(PR_SET_NAME, kProcessName);
  (void)signal(SIGXFSZ, SIG_IGN);  // a full quota is an error of write(2)
  if (auto fd = open_file("/proc/self/oom_score_adj", O_WRONLY)) {
    (void)write_all(fd->get(), kOomScore);
  }
}

int report_error(const Error& error) {
  log_error("%s", error.message.c_str());
  return 1;
}

// `.NAME.vtn-XXXXXX` beside the output.
struct SpoolFile {
  std::string path;
  UniqueFd fd;
};

constexpr char kSpoolInfix[] = ".vtn-";

Result<SpoolFile> create_spool_file(const OutputSpec& output) {
  std::string folder = folder_of(output.path);
  struct stat info = {};
  if (stat(output.path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    folder = "/tmp";  // beside a device is no place for files
  }
  SpoolFile spool;
  spool.path = fmt::format("{}/.{}{}XXXXXX", folder, name_of(output.path), kSpoolInfix);
  const int fd = mkostemp(spool.path.data(), O_CLOEXEC);
  if (fd < 0) {
    return fail_errno(fmt::format("cannot create a file in {}", folder));
  }
  VTN_ASSIGN(spool.fd, above_standard(UniqueFd(fd)));
  (void)flock(spool.fd.get(), LOCK_EX | LOCK_NB);  // for lock_spool; until it is closed
  return spool;
}

// The collector of a killed run takes what is in the arena before it ends: until then its spool is
// only half of it. (Where the file system has no locks nobody waits.)
Result<UniqueFd> lock_spool(const std::string& path) {
  VTN_ASSIGN(UniqueFd fd, open_file(path, O_RDONLY));
  for (int waited_ms = 0; flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
       waited_ms += kSpoolLookMs) {
    if (waited_ms >= kSpoolWaitMs) {
      return fail(fmt::format("{} is still being written: try again when its run has ended", path));
    }
    const struct timespec look = {0, kSpoolLookMs * 1'000'000};
    (void)nanosleep(&look, nullptr);
  }
  return fd;
}

// Only what we made ourselves may be removed after a recovery.
bool is_spool_name(const std::string& path) {
  const std::string name = name_of(path);
  return name.size() > 12 && name[0] == '.' && name.find(kSpoolInfix) == name.size() - 11;
}

Result<UniqueFd> lock_control(const session::Session& session) {
  // Opened afresh: a lock belongs to the open file, and the one at hand is the supervisor's too.
  VTN_ASSIGN(UniqueFd fd, open_file(session.file(kControlFileName), O_RDWR));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail_errno(fmt::format("cannot lock {}", session.folder));
  }
  return fd;
}

spool::FileHeader new_header(ClockKind clock) {
  spool::FileHeader header = {};
  header.magic = spool::kSpoolMagic;
  header.version = spool::kSpoolVersion;
  header.header_bytes = sizeof(header);
  header.clock_kind = static_cast<uint32_t>(clock);
  header.tick_step = spool::tick_step_of(clock);
  if (getrandom(&header.trace_id, sizeof(header.trace_id), 0) < 0) {
    header.trace_id = static_cast<uint64_t>(getpid());
  }
  header.created_realtime_ns = spool::read_clock_triple(ClockKind::kMonotonic).realtime_ns;
  return header;
}

ClockKind clock_of(const session::Session& session) {
  return load_relaxed(&session.arena.control->clock_kind) == static_cast<uint32_t>(ClockKind::kTsc)
             ? ClockKind::kTsc
             : ClockKind::kMonotonic;
}

Status write_run_frame(spool::Writer& spool, const std::string& command_line) {
  const std::string version = VTN_VERSION;
  const spool::RunFrame frame = {static_cast<uint32_t>(command_line.size()),
                                 static_cast<uint32_t>(version.size())};
  return spool.append_struct(spool::FrameKind::kRun, frame, command_line + version);
}

// The tree may be large: one descriptor is held for each of its processes that lives.
void raise_descriptor_limit() {
  struct rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
}

void say_where_data_is(const std::string& path) {
  log_error("what was recorded is kept; viztracer-native --recover %s -o OUT makes a report of it",
            path.c_str());
}

// Reports, then the spool goes (or stays, or is the report). The exit status.
int finish_run(spool::Reader& spool, ReportJob job, bool keep_raw) {
  if (keep_raw) {
    const std::string raw = job.outputs.front().path + ".vtn";
    job.outputs.push_back(OutputSpec{raw, OutputSpec::kVtn, false});
  }
  bool moved = false;
  switch (write_reports(spool, job, moved)) {
    case ReportOutcome::kComplete:
      if (!moved && job.may_move_spool) {
        (void)unlink(spool.path().c_str());
      }
      return 0;
    case ReportOutcome::kFailed:
      if (!moved) {
        say_where_data_is(spool.path());
      }
      return 1;
    case ReportOutcome::kGivenUp:
      break;
  }
  return 1;
}

}  // namespace

int run_collector(const CollectorRequest& request) {
  become_collector();
  raise_descriptor_limit();
  const session::Session& session = *request.session;
  UniqueFd ready(request.ready_fd);
  auto lock = lock_control(session);
  if (!lock) {
    return report_error(lock.error());
  }
  auto file = create_spool_file(request.outputs.front());
  if (!file) {
    return report_error(file.error());
  }
  const std::string path = file->path;
  auto spool = spool::Writer::start(std::move(file->fd), new_header(clock_of(session)));
  if (!spool) {
    (void)unlink(path.c_str());
    return report_error(spool.error());
  }
  (void)write_run_frame(**spool, request.command_line);
  (void)unlink(session.file(session::kSpoolLinkName).c_str());
  if (symlink(path.c_str(), session.file(session::kSpoolLinkName).c_str()) != 0) {
    log_debug("cannot create a link in %s", session.folder.c_str());
  }
  collector::ProgramEnd end = {};
  collector::Recorder::Outcome outcome;
  bool some_live_on = false;
  {
    collector::Recorder recorder(session, **spool, request.wait_children_ms);
    ready.reset();
    outcome = recorder.run(request.end_fd, end);
    some_live_on = recorder.some_live_on();
  }
  if (outcome == collector::Recorder::Outcome::kSupervisorDied) {
    return 1;  // --recover makes the report
  }
  if (end.pid == 0) {
    (void)unlink(path.c_str());
    session::remove_session(session.folder);
    return 0;
  }
  std::unique_ptr<spool::Model> model = (*spool)->take_model();
  auto fd = open_file(path, O_RDONLY);
  if (!fd) {
    return report_error(fd.error());
  }
  auto reader = spool::Reader::adopt(std::move(*fd), path, std::move(model));
  ReportJob job;
  job.outputs = request.outputs;
  job.quiet = request.quiet;
  job.verbose = request.verbose;
  job.python_only = request.python_only;
  job.may_move_spool = true;
  job.just_run = true;
  const int status = finish_run(*reader, std::move(job), request.keep_raw);
  sigset_t pending;
  if (sigpending(&pending) == 0 && sigismember(&pending, collector::kGiveUpSignal) == 1) {
    return 1;  // given up: the session stays for --recover
  }
  if (some_live_on) {
    session::leave_session(session.folder);
  } else {
    session::remove_session(session.folder);
  }
  return status;
}

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

struct Recovered {
  std::unique_ptr<spool::Reader> spool;
  std::string session_folder;  // empty: the source was a file
  bool some_live_on = false;
};

// Drains what a dead collector left in the arena behind what it had spooled.
Result<Recovered> recover_session(const RecoveryRequest& request) {
  VTN_ASSIGN(session::Session session, session::open_session(request.source));
  VTN_ASSIGN(const UniqueFd lock, lock_control(session));
  Recovered recovered;
  recovered.session_folder = session.folder;
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
    VTN_ASSIGN(SpoolFile file, create_spool_file(request.outputs.front()));
    path = file.path;
    VTN_ASSIGN(spool, spool::Writer::start(std::move(file.fd), new_header(clock_of(session))));
    VTN_TRY(write_run_frame(*spool, request.command_line));
    (void)unlink(session.file(session::kSpoolLinkName).c_str());
    (void)symlink(path.c_str(), session.file(session::kSpoolLinkName).c_str());
  }
  const auto clock = static_cast<ClockKind>(spool->model().header.clock_kind);
  const bool disk_was_full = load_relaxed(&session.arena.control->state) ==
                             static_cast<uint32_t>(SessionState::kSpoolFull);
  store_release(&session.arena.control->state, static_cast<uint32_t>(SessionState::kStopping));
  LateProbe probe(clock, spool->model());
  collector::Drain drain(session.arena, clock, *spool, probe, true);
  drain.resume();
  drain.take_rest();
  recovered.some_live_on = probe.some_live_on();
  (void)spool->append_struct(spool::FrameKind::kClock, spool::read_clock_triple(clock));
  VTN_TRY(collector::close_spool(*spool,
                                 request.has_end ? &request.end : nullptr,
                                 drain.chunks_discarded() + (disk_was_full ? 1 : 0),
                                 load_relaxed(&session.arena.control->unslotted)));
  VTN_ASSIGN(UniqueFd fd, open_file(path, O_RDONLY));
  recovered.spool = spool::Reader::adopt(std::move(fd), path, spool->take_model());
  return recovered;
}

Result<Recovered> recover(const RecoveryRequest& request) {
  struct stat info = {};
  if (stat(request.source.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return recover_session(request);
  }
  Recovered recovered;
  VTN_ASSIGN(UniqueFd fd, lock_spool(request.source));
  VTN_ASSIGN(recovered.spool, spool::Reader::open(std::move(fd), request.source));
  return recovered;
}

}  // namespace

int run_recovery(const RecoveryRequest& request) {
  become_collector();
  auto recovered = recover(request);
  if (!recovered) {
    return report_error(recovered.error());
  }
  ReportJob job;
  job.outputs = request.outputs;
  job.quiet = request.quiet;
  job.verbose = request.verbose;
  job.python_only = request.python_only;
  const bool from_session = !recovered->session_folder.empty();
  job.may_move_spool = from_session || is_spool_name(request.source);
  const int status = finish_run(*recovered->spool, std::move(job), request.keep_raw);
  if (status == 0 && from_session) {
    if (recovered->some_live_on) {
      session::leave_session(recovered->session_folder);
    } else {
      session::remove_session(recovered->session_folder);
    }
  }
  return status;
}

int convert_file(const ConvertRequest& request) {
  auto fd = open_file(request.source, O_RDONLY);
  if (!fd) {
    return report_error(fd.error());
  }
  auto spool = spool::Reader::open(std::move(*fd), request.source);
  if (!spool) {
    return report_error(spool.error());
  }
  if (!(*spool)->closed()) {
    log_error(
        "%s is cut short at offset %llu; viztracer-native --recover %s -o OUT makes a report of "
        "what is there",
        request.source.c_str(),
        static_cast<unsigned long long>((*spool)->end_offset()),
        request.source.c_str());
    return 1;
  }
  ReportJob job;
  job.outputs = request.outputs;
  job.quiet = request.quiet;
  job.verbose = request.verbose;
  job.python_only = request.python_only;
  return finish_run(**spool, std::move(job), false);
}

}  // namespace vtn::launcher

// SPDX-License-Identifier: Apache-2.0
#include "collector/collector.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "collector/recorder.h"
#include "collector/spool_file.h"
#include "spool/writer.h"

namespace vtn::collector {

namespace {

constexpr char kProcessName[] = "vtn-collector";
constexpr char kOomScore[] = "500";  // rather us than the program

// The tree may be large: one descriptor is held for each of its processes that lives.
void raise_descriptor_limit() {
  struct rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
}

}  // namespace

void become_collector() {
  (void)prctl(PR_SET_NAME, kProcessName);
  // Who wakes it is the program, whose place on the processor it would take: in one short run of
  // seventeen, 50 times. So it does not preempt; the arena holds many times what comes meanwhile.
  const struct sched_param parameters = {};
  (void)sched_setscheduler(0, SCHED_BATCH, &parameters);
  (void)signal(SIGXFSZ, SIG_IGN);  // a full quota is an error of write(2)
  if (auto fd = open_file("/proc/self/oom_score_adj", O_WRONLY)) {
    (void)write_all(fd->get(), kOomScore);
  }
}

Result<UniqueFd> lock_control(const session::Session& session) {
  // Opened afresh: a lock belongs to the open file, and the one at hand is the supervisor's too.
  VTN_ASSIGN(UniqueFd fd, open_file(session.file(kControlFileName), O_RDWR));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail_errno(fmt::format("cannot lock {}", session.folder));
  }
  return fd;
}

Result<Collected> collect(const CollectRequest& request) {
  become_collector();
  raise_descriptor_limit();
  const session::Session& session = *request.session;
  UniqueFd ready(request.ready_fd);
  Collected collected;
  VTN_ASSIGN(collected.control_lock, lock_control(session));
  VTN_ASSIGN(SpoolFile file,
             begin_spool(session, request.output, request.command_line, request.version));
  collected.spool_path = file.path;
  ProgramEnd end = {};
  {
    Recorder recorder(session, *file.spool, request.settings);
    ready.reset();
    if (recorder.run(request.end_fd, end) == Recorder::Outcome::kSupervisorDied) {
      collected.end = CollectEnd::kSupervisorDied;
      return collected;
    }
    collected.some_live_on = recorder.some_live_on();
  }
  if (end.pid == 0) {
    (void)unlink(file.path.c_str());
    session::remove_session(session.folder);
    collected.end = CollectEnd::kNothingRan;
    return collected;
  }
  collected.spool = std::move(file.spool);
  return collected;
}

}  // namespace vtn::collector

// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent/collector_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "base/file.h"
#include "base/freestanding/atomic.h"
#include "base/freestanding/syscalls.h"
#include "base/log.h"
#include "launcher/parent/worker.h"
#include "launcher/reports.h"

namespace vtn::launcher {

namespace {

constexpr int kReadyMs =
    10'000;  // a collector that takes longer may go on, the program does not wait

// Returns only if that fails.
void exec_collector(const std::string& folder, int end_fd, int ready_fd) {
  for (const int fd : {end_fd, ready_fd}) {
    (void)fcntl(fd, F_SETFD, 0);
  }
  const std::string end = std::to_string(end_fd);
  const std::string ready = std::to_string(ready_fd);
  const char* const arguments[] = {
      "viztracer-native", kCollectWord, folder.c_str(), end.c_str(), ready.c_str(), nullptr};
  (void)execv("/proc/self/exe", const_cast<char* const*>(arguments));
}

}  // namespace

void CollectorProcess::start() {
  auto end_pipe = make_pipe();
  auto ready_pipe = make_pipe();
  if (!end_pipe || !ready_pipe) {
    lost();
    return;
  }
  auto worker = start_worker([&] {
    end_pipe->write_end.reset();
    ready_pipe->read_end.reset();
    if (job_.by_exec) {
      exec_collector(session_.folder, end_pipe->read_end.get(), ready_pipe->write_end.get());
      log_debug("cannot start a collector of its own: this process is it");
    }
    collector::CollectRequest request = job_.collect;
    request.session = &session_;
    request.end_fd = end_pipe->read_end.get();
    request.ready_fd = ready_pipe->write_end.release();
    return record_and_report(request, job_.report);
  });
  if (!worker) {
    log_warning("%s", worker.error().message.c_str());
    lost();
    return;
  }
  pid_ = *worker;
  end_pipe_ = std::move(end_pipe->write_end);
  ready_pipe->write_end.reset();
  pollfd waiting = {ready_pipe->read_end.get(), POLLIN, 0};
  while (poll(&waiting, 1, kReadyMs) < 0 && errno == EINTR) {
  }
}

void CollectorProcess::lost() {
  pid_ = -1;
  ControlPage* control = session_.arena.control;
  store_release(&control->state, static_cast<uint32_t>(SessionState::kNoCollector));
  (void)futex_wake(&control->freed_chunks, INT_MAX);
}

void CollectorProcess::cancel() {
  if (pid_ > 0) {
    tell(collector::ProgramEnd{});  // pid 0: nothing was run
    (void)wait_for_report(pid_, "");
  }
  session::remove_session(session_.folder);
}

void CollectorProcess::tell(const collector::ProgramEnd& end) {
  (void)write_all(end_pipe_.get(), {reinterpret_cast<const char*>(&end), sizeof(end)});
  end_pipe_.reset();
}

bool CollectorProcess::finish(const collector::ProgramEnd& end) {
  const std::string recover = "viztracer-native --recover " + session_.folder + " -o OUT";
  const std::string first_interrupt =
      "writing the report; Ctrl-C again gives it up and keeps the data for " + recover;
  pid_t worker = pid_;
  if (worker > 0) {
    tell(end);
  } else {
    worker = start_recovery(end);
  }
  if (worker < 0) {
    log_error("cannot write the report; %s makes it", recover.c_str());
    return false;
  }
  ReportWait wait = wait_for_report(worker, first_interrupt);
  interrupted_ = wait.interrupted;
  if (wait.killed && worker == pid_) {
    // After the program had ended: what it had not written yet another one writes.
    worker = start_recovery(end);
    if (worker > 0) {
      wait = wait_for_report(worker, first_interrupt);
      interrupted_ = interrupted_ || wait.interrupted;
    }
  }
  if (wait.killed) {
    log_error("writing the report was killed; %s makes it", recover.c_str());
  }
  if (wait.given_up) {
    log_info("the report was given up; %s makes it", recover.c_str());
  }
  if (!wait.killed && !wait.given_up &&
      access(session_.file(kControlFileName).c_str(), F_OK) == 0) {
    log_info("what was recorded is kept; %s makes the report", recover.c_str());
  }
  return wait.complete && !wait.given_up;
}

pid_t CollectorProcess::start_recovery(const collector::ProgramEnd& end) const {
  auto worker = start_worker([&] {
    collector::RecoveryRequest request;
    request.source = session_.folder;
    request.output = job_.collect.output;
    request.end = end;
    request.command_line = job_.collect.command_line;
    request.version = job_.collect.version;
    return recover_and_report(request, job_.report);
  });
  return worker ? *worker : -1;
}

}  // namespace vtn::launcher

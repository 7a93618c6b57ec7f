// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent/keep_pid.h"

#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/exit_status.h"
#include "base/log.h"
#include "launcher/parent/collector_process.h"
#include "launcher/parent/worker.h"
#include "tracer/clock.h"

namespace vtn::launcher {

namespace {

constexpr int kReadyMs = 15'000;  // more than the guardian waits for the collector

class Guardian {
 public:
  Guardian(const SupervisorRequest& request, pid_t program, UniqueFd program_fd, UniqueFd channel)
      : request_(request),
        collector_(*request.session, request.collector),
        program_fd_(std::move(program_fd)),
        channel_(std::move(channel)) {
    end_.pid = program;
  }

  void run() {
    (void)prctl(PR_SET_NAME, "vtn-guardian");
    let_go_of_standard_files();
    for (const int number : kEndSignals) {
      (void)signal(number, SIG_IGN);  // nothing gives the report up
    }
    collector_.start();
    end_.start_ns = tracer::monotonic_ns();
    (void)send(channel_.get(), "", 1, MSG_NOSIGNAL);
    if (!wait_for_program()) {
      collector_.cancel();
      return;
    }
    end_.end_ns = tracer::monotonic_ns();
    end_.wait_status =
        status_of_ended(program_fd_.get(), end_.pid).value_or(collector::kUnknownWaitStatus);
    name_leftovers(request_.leftovers);
    collector_.finish(end_);
  }

 private:
  // Until it has ended; false: it was never started.
  bool wait_for_program() {
    sigset_t all;
    sigfillset(&all);
    const UniqueFd signals(signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
    for (;;) {
      pollfd waiting[3] = {
          {program_fd_.get(), POLLIN, 0}, {signals.get(), POLLIN, 0}, {channel_.get(), POLLIN, 0}};
      if (poll(waiting, 3, -1) < 0) {
        continue;
      }
      if (waiting[2].revents != 0) {
        // The launcher's end closes at its exec. A byte before that: there will be none.
        char byte;
        if (recv(channel_.get(), &byte, 1, 0) == 1) {
          return false;
        }
        channel_.reset();
      }
      if (waiting[1].revents != 0) {
        signalfd_siginfo info;
        while (read(signals.get(), &info, sizeof(info)) > 0) {
        }
        reap();
      }
      if (waiting[0].revents != 0) {
        return true;
      }
    }
  }

  void reap() {
    for (pid_t pid = 0; (pid = waitpid(-1, nullptr, WNOHANG)) > 0;) {
      if (pid == collector_.pid()) {
        collector_.lost();
      }
    }
  }

  const SupervisorRequest& request_;
  CollectorProcess collector_;
  UniqueFd program_fd_;
  UniqueFd channel_;
  collector::ProgramEnd end_ = {};
};

// Forks twice, so that the guardian is not found among the program's children, whether it waits for
// them or looks. Returns in the launcher, when the guardian is ready; the guardian never does.
Result<UniqueFd> start_guardian(const SupervisorRequest& request, pid_t program) {
  VTN_ASSIGN(UniqueFd program_fd,
             above_standard(UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, program, 0)))));
  if (!program_fd) {
    return fail_errno("cannot watch the program");
  }
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail_errno("cannot create a socket pair");
  }
  UniqueFd theirs(ends[1]);
  VTN_ASSIGN(UniqueFd ours, above_standard(UniqueFd(ends[0])));
  VTN_ASSIGN(theirs, above_standard(std::move(theirs)));
  // A process that adopts orphans would get this one.
  int adopts = 0;
  (void)prctl(PR_GET_CHILD_SUBREAPER, &adopts);
  (void)prctl(PR_SET_CHILD_SUBREAPER, 0);
  const pid_t between = fork();
  if (between < 0) {
    return fail_errno("cannot fork");
  }
  if (between == 0) {
    (void)setsid();
    if (fork() == 0) {
      ours.reset();
      Guardian(request, program, std::move(program_fd), std::move(theirs)).run();
    }
    _exit(0);
  }
  theirs.reset();
  while (waitpid(between, nullptr, 0) < 0 && errno == EINTR) {
  }
  (void)prctl(PR_SET_CHILD_SUBREAPER, adopts);
  VTN_ASSIGN(const bool ready, guardian_is_ready(ours.get(), kReadyMs));
  if (!ready) {
    log_warning("the process that records is not ready after %d s; the program starts all the same",
                kReadyMs / 1000);
  }
  return ours;
}

}  // namespace

Status start_guardian_of(const SupervisorRequest& request, pid_t program) {
  VTN_ASSIGN(const UniqueFd guardian, start_guardian(request, program));
  return {};
}

Result<bool> guardian_is_ready(int channel, int timeout_ms) {
  pollfd waiting = {channel, POLLIN, 0};
  while (poll(&waiting, 1, timeout_ms) < 0 && errno == EINTR) {
  }
  // Read in any case: what is not read would take away what is sent, once this end closes.
  char byte;
  const ssize_t got = recv(channel, &byte, 1, MSG_DONTWAIT);
  if (got == 0) {
    return fail("cannot start the process that records");
  }
  return got == 1;
}

int run_keeping_pid(const SupervisorRequest& request) {
  UniqueFd guardian;
  if (request.session == nullptr) {
    log_warning("%s", request.last_line.c_str());
  } else if (auto started = start_guardian(request, getpid())) {
    guardian = std::move(*started);
  } else {
    log_warning("--keep_pid is not possible: %s", started.error().message.c_str());
    return supervise(request).wait_status;
  }
  const Error error = exec_program(request.program, request.signals);
  log_error("%s", error.message.c_str());
  if (guardian) {
    (void)send(guardian.get(), "", 1, MSG_NOSIGNAL);
  }
  return status_of_failed_start(error);
}

}  // namespace vtn::launcher

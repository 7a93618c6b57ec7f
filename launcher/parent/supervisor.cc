// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent/supervisor.h"

#include <optional>

#include <errno.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/threads.h"
#include "launcher/parent/collector_process.h"
#include "launcher/parent/sentinel.h"
#include "launcher/parent/worker.h"
#include "tracer/clock.h"

namespace vtn::launcher {

namespace {

constexpr size_t kMostNamedLeftovers = 3;

class Supervisor {
 public:
  explicit Supervisor(const SupervisorRequest& request) : request_(request) {}

  RunEnd run() {
    if (request_.session != nullptr) {
      collector_.emplace(*request_.session, request_.collector);
      collector_->start();
    }
    end_.start_ns = tracer::monotonic_ns();
    auto program = start_program(request_.program, request_.signals);
    if (!program) {
      return {could_not_start(program.error())};
    }
    program_ = *program;
    let_go_of_standard_files();
    if (auto sentinel = Sentinel::start(program_)) {
      sentinel_.emplace(std::move(*sentinel));
    } else {
      log_debug("%s", sentinel.error().message.c_str());
    }
    wait_for_program();
    sentinel_.reset();
    end_.end_ns = tracer::monotonic_ns();
    end_.pid = program_;
    name_leftovers(request_.leftovers);
    const bool reported = collector_ && collector_->finish(end_);
    if (!request_.last_line.empty()) {
      log_warning("%s", request_.last_line.c_str());
    }
    return {end_.wait_status, reported, told_to_end_ || (collector_ && collector_->interrupted())};
  }

 private:
  int could_not_start(const Error& error) {
    log_error("%s", error.message.c_str());
    if (collector_) {
      collector_->cancel();
    }
    return status_of_failed_start(error);
  }

  void wait_for_program() {
    sigset_t all;
    sigfillset(&all);
    for (;;) {
      siginfo_t info;
      const int number = sigwaitinfo(&all, &info);
      if (number < 0) {
        continue;
      }
      if (number == SIGCHLD) {
        if (reap()) {
          return;
        }
      } else {
        pass_on(info);
      }
    }
  }

  // Whether the program has ended.
  bool reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0;) {
      if (pid == program_) {
        if (WIFSTOPPED(status)) {
          stop_with_program();
        } else if (!WIFCONTINUED(status)) {
          end_.wait_status = status;
          return true;
        }
      } else if (WIFEXITED(status) || WIFSIGNALED(status)) {
        if (collector_ && pid == collector_->pid()) {
          collector_->lost();
        } else if (sentinel_ && pid == sentinel_->pid()) {
          sentinel_->forget();
          sentinel_.reset();
        }
      }
    }
    return false;
  }

  void stop_with_program() {
    if (is_pending(SIGCONT)) {
      return;  // the group has been stopped and continued: a stop now would be for ever
    }
    if (sentinel_) {
      sentinel_->watch_program();
    }
    (void)raise(SIGSTOP);
  }

  void pass_on(const siginfo_t& info) {
    // The terminal signals its foreground group: the program has it already. So has it what it
    // sends to its own group, and what it sends to its parent is not for itself.
    if (info.si_code > 0 || info.si_pid == program_) {
      return;
    }
    if (sentinel_ && (sentinel_->is_one(info.si_pid) || sentinel_->saw(info))) {
      return;
    }
    told_to_end_ = told_to_end_ || is_end_signal(info.si_signo);
    forward_signal(program_, info);
  }

  const SupervisorRequest& request_;
  pid_t program_ = -1;
  std::optional<CollectorProcess> collector_;
  std::optional<Sentinel> sentinel_;
  collector::ProgramEnd end_ = {};
  bool told_to_end_ = false;
};

}  // namespace

void name_leftovers(const std::vector<std::string>& folders) {
  for (size_t i = 0; i < folders.size() && i < kMostNamedLeftovers; ++i) {
    log_info("an earlier run left its data; viztracer-native --recover %s -o OUT makes its report",
             folders[i].c_str());
  }
  if (folders.size() > kMostNamedLeftovers) {
    log_info("%zu more earlier runs left theirs in %s",
             folders.size() - kMostNamedLeftovers,
             folder_of(folders.back()).c_str());
  }
}

RunEnd supervise(const SupervisorRequest& request) { return Supervisor(request).run(); }

}  // namespace vtn::launcher

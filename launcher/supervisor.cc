// SPDX-License-Identifier: Apache-2.0
#include "launcher/supervisor.h"

#include <optional>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/freestanding/atomic.h"
#include "base/freestanding/syscalls.h"
#include "base/log.h"
#include "launcher/sentinel.h"
#include "launcher/worker.h"

namespace vtn {

namespace {

constexpr int kReadyMs =
    10'000;  // a collector that takes longer may go on, the program does not wait

constexpr size_t kMostNamedLeftovers = 3;

uint64_t monotonic_ns() {
  timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

int exit_status(int status) { return status << 8; }

class Supervisor {
 public:
  explicit Supervisor(const SupervisorRequest& request) : request_(request) {}

  int run() {
    if (request_.session != nullptr) {
      start_collector();
    }
    end_.start_ns = monotonic_ns();
    auto program = start_program(request_.program, request_.signals);
    if (!program) {
      return could_not_start(program.error());
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
    end_.end_ns = monotonic_ns();
    end_.pid = program_;
    name_leftovers();
    if (request_.session != nullptr) {
      finish_report();
    }
    if (!request_.last_line.empty()) {
      log_warning("%s", request_.last_line.c_str());
    }
    return end_.wait_status;
  }

 private:
  void start_collector() {
    auto end_pipe = make_pipe();
    auto ready_pipe = make_pipe();
    if (!end_pipe || !ready_pipe) {
      collector_lost();
      return;
    }
    auto worker = start_worker([&] {
      end_pipe->write_end.reset();
      ready_pipe->read_end.reset();
      CollectorRequest request = request_.collector;
      request.session = request_.session;
      request.end_fd = end_pipe->read_end.get();
      request.ready_fd = ready_pipe->write_end.release();
      return run_collector(request);
    });
    if (!worker) {
      log_warning("%s", worker.error().message.c_str());
      collector_lost();
      return;
    }
    collector_ = *worker;
    end_pipe_ = std::move(end_pipe->write_end);
    ready_pipe->write_end.reset();
    pollfd waiting = {ready_pipe->read_end.get(), POLLIN, 0};
    while (poll(&waiting, 1, kReadyMs) < 0 && errno == EINTR) {
    }
  }

  // The program is not to wait for memory that nobody frees.
  void collector_lost() {
    collector_ = -1;
    ControlPage* control = request_.session->arena.control;
    store_release(&control->state, static_cast<uint32_t>(SessionState::kNoCollector));
    (void)futex_wake(&control->freed_chunks, INT_MAX);
  }

  int could_not_start(const Error& error) {
    log_error("%s", error.message.c_str());
    if (collector_ > 0) {
      tell_collector();  // pid 0: nothing was run
      (void)wait_for_report(collector_, "");
    }
    if (request_.session != nullptr) {
      remove_session(request_.session->folder);
    }
    return exit_status(error.code == ENOENT || error.code == ENOTDIR ? 127 : 126);
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
        if (pid == collector_) {
          collector_lost();
        } else if (sentinel_ && pid == sentinel_->pid()) {
          sentinel_->forget();
          sentinel_.reset();
        }
      }
    }
    return false;
  }

  void stop_with_program() {
    sigset_t pending;
    (void)sigpending(&pending);
    if (sigismember(&pending, SIGCONT) == 1) {
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
    forward_signal(program_, info);
  }

  void name_leftovers() const {
    const std::vector<std::string>& folders = request_.leftovers;
    for (size_t i = 0; i < folders.size() && i < kMostNamedLeftovers; ++i) {
      log_info(
          "an earlier run left its data; viztracer-native --recover %s -o OUT makes its report",
          folders[i].c_str());
    }
    if (folders.size() > kMostNamedLeftovers) {
      log_info("%zu more earlier runs left theirs in %s",
               folders.size() - kMostNamedLeftovers,
               folder_of(folders.back()).c_str());
    }
  }

  void tell_collector() {
    (void)write_all(end_pipe_.get(), {reinterpret_cast<const char*>(&end_), sizeof(end_)});
    end_pipe_.reset();
  }

  void finish_report() {
    const std::string& folder = request_.session->folder;
    const std::string recover = "viztracer-native --recover " + folder + " -o OUT";
    pid_t worker = collector_;
    if (worker > 0) {
      tell_collector();
    } else {
      worker = start_recovery();
    }
    if (worker < 0) {
      log_error("cannot write the report; %s makes it", recover.c_str());
      return;
    }
    ReportWait wait = wait_for_report(worker, interrupt_line(recover));
    if (wait.killed && worker == collector_) {
      // After the program had ended: what it had not written yet another one writes.
      worker = start_recovery();
      if (worker > 0) {
        wait = wait_for_report(worker, interrupt_line(recover));
      }
    }
    if (wait.killed) {
      log_error("writing the report was killed; %s makes it", recover.c_str());
    }
    if (wait.given_up) {
      log_info("the report was given up; %s makes it", recover.c_str());
    }
    if (!wait.killed && !wait.given_up &&
        access(request_.session->file(kControlFileName).c_str(), F_OK) == 0) {
      log_info("what was recorded is kept; %s makes the report", recover.c_str());
    }
  }

  pid_t start_recovery() {
    auto worker = start_worker([&] {
      RecoveryRequest request;
      request.source = request_.session->folder;
      request.outputs = request_.collector.outputs;
      request.quiet = request_.collector.quiet;
      request.verbose = request_.collector.verbose;
      request.keep_raw = request_.collector.keep_raw;
      request.has_end = true;
      request.end = end_;
      request.command_line = request_.collector.command_line;
      return run_recovery(request);
    });
    return worker ? *worker : -1;
  }

  static std::string interrupt_line(const std::string& recover) {
    return "writing the report; Ctrl-C again gives it up and keeps the data for " + recover;
  }

  const SupervisorRequest& request_;
  pid_t program_ = -1;
  pid_t collector_ = -1;
  UniqueFd end_pipe_;
  std::optional<Sentinel> sentinel_;
  ProgramEnd end_ = {};
};

}  // namespace

int supervise(const SupervisorRequest& request) { return Supervisor(request).run(); }

}  // namespace vtn

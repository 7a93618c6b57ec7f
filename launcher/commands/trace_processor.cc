// SPDX-License-Identifier: Apache-2.0
#include "launcher/commands/trace_processor.h"

#include <optional>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "launcher/commands/browser.h"
#include "launcher/commands/scratch_folder.h"
#include "launcher/parent/end_watch.h"
#include "launcher/recordings.h"
#include "launcher/target/environment.h"
#include "report/perfetto/writer.h"
#include "viewer/server/perfetto_page.h"
#include "viewer/server/shown_file.h"
#include "viewer/server/viewer.h"

namespace vtn::launcher {

namespace {

constexpr int kOtherError = 1;
constexpr char kProgramVariable[] = "VIZTRACER_NATIVE_TRACE_PROCESSOR";
constexpr const char* kPrograms[] = {"trace_processor_shell", "trace_processor"};
// Of pages that come from elsewhere than Perfetto's own address, a processor answers those of this
// port.
constexpr uint16_t kOwnUiPort = 10000;
constexpr timespec kBetweenLooks = {0, 50'000'000};

int report_error(const Error& error) {
  log_error("%s", error.message.c_str());
  return kOtherError;
}

Result<std::string> find_program(const std::string& named) {
  const auto variable = [](const char* name) {
    const char* const value = getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  const std::string wanted = named.empty() ? variable(kProgramVariable).value_or("") : named;
  if (!wanted.empty()) {
    std::string found = find_on_path(wanted, variable("PATH"));
    if (found.empty() || !is_executable_file(found)) {
      return fail(fmt::format("{} {}: there is no such program",
                              named.empty() ? kProgramVariable : "--trace_processor",
                              wanted));
    }
    return found;
  }
  for (const char* const name : kPrograms) {
    if (std::string found = find_on_path(name, variable("PATH")); !found.empty()) {
      return found;
    }
  }
  return fail(
      "there is no trace_processor on PATH: get it from "
      "https://perfetto.dev/docs/analysis/trace-processor, or name it by --trace_processor PATH");
}

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Whoever answers there already would be taken for ours.
Status port_is_free(uint16_t port) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  const sockaddr_in address = loopback(port);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return errno == EADDRINUSE
               ? fail(fmt::format("port {} is in use, by another trace_processor perhaps; --port N "
                                  "takes another",
                                  port))
               : fail_errno(fmt::format("cannot listen on port {}", port));
  }
  return {};
}

bool answers(uint16_t port) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

// What it can read: the file itself, or one that is made of it.
Result<std::string> trace_of(const std::string& path, const std::string& scratch) {
  if (viewer::is_trace(path)) {
    return path;
  }
  VTN_ASSIGN(const auto recording, open_recording(path, scratch, true));
  report::WriteRequest request;
  request.path = scratch + "/trace.pftrace";
  VTN_TRY(report::write_perfetto(*recording, request));
  return request.path;
}

// Its standard files are ours, but that what it says goes to stderr. It does not outlive us.
Result<pid_t> start(const std::string& program, uint16_t port, const std::string& trace) {
  const std::string number = std::to_string(port);
  const char* const argv[] = {
      program.c_str(), "--httpd", "--http-port", number.c_str(), trace.c_str(), nullptr};
  const pid_t us = getpid();
  const pid_t child = fork();
  if (child < 0) {
    return fail_errno("cannot start " + program);
  }
  if (child == 0) {
    sigset_t none;
    sigemptyset(&none);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != us) {
      _exit(1);
    }
    (void)dup2(STDERR_FILENO, STDOUT_FILENO);
    (void)sigprocmask(SIG_SETMASK, &none, nullptr);
    (void)execv(program.c_str(), const_cast<char* const*>(argv));
    log_error("%s", fail_errno("cannot run " + program).value().message.c_str());
    _exit(127);
  }
  return child;
}

std::string end_of(const std::string& program, int status) {
  return WIFSIGNALED(status)
             ? fmt::format("{} was killed by signal {}", program, WTERMSIG(status))
             : fmt::format("{} has ended with status {}", program, WEXITSTATUS(status));
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// Until it listens; that is when it has read the trace, which may take minutes.
Status wait_until_it_listens(pid_t child, const std::string& program, uint16_t port) {
  while (!answers(port)) {
    int status = 0;
    // An error: nobody is told how children end here.
    if (const pid_t ended = waitpid(child, &status, WNOHANG); ended != 0) {
      return fail(ended == child ? end_of(program, status) : program + " has ended");
    }
    (void)nanosleep(&kBetweenLooks, nullptr);
  }
  return {};
}

// A copy of the UI, and what serves it.
struct OwnUi {
  std::optional<viewer::Viewer> viewer;
  std::optional<viewer::HttpServer> server;
  std::optional<Thread> thread;
  std::string address = "https://ui.perfetto.dev/";

  ~OwnUi() {
    if (server) {
      server->stop();
    }
    thread.reset();
  }

  Status serve(const ShowRequest& request) {
    VTN_ASSIGN(const std::string key, viewer::make_key());
    viewer::ViewSettings settings;
    settings.path = request.path;
    settings.ui_folder = request.ui_folder;
    viewer.emplace(std::move(settings), key);
    VTN_ASSIGN(
        viewer::HttpServer listening,
        viewer::HttpServer::listen(kOwnUiPort, [this](const viewer::HttpRequest& of_browser) {
          return viewer->answer(of_browser);
        }));
    server.emplace(std::move(listening));
    address = fmt::format("http://127.0.0.1:{}/{}/ui/", kOwnUiPort, key);
    VTN_ASSIGN(Thread started, Thread::start([this] { (void)server->serve(-1); }));
    thread.emplace(std::move(started));
    return {};
  }
};

}  // namespace

int show_by_processor(const ShowRequest& request, const std::string& program_name) {
  if (is_folder(request.path)) {
    log_error("--use_external_processor is for one file: %s is a folder", request.path.c_str());
    return kOtherError;
  }
  const auto path = viewable_path(request.path);
  const auto program = find_program(program_name);
  const uint16_t port = request.port == 0 ? kProcessorPort : request.port;
  const Status is_free = port_is_free(port);
  if (!path || !program || !is_free) {
    return report_error(!path ? path.error() : !program ? program.error() : is_free.error());
  }
  auto scratch = ScratchFolder::make();
  if (!scratch) {
    return report_error(scratch.error());
  }
  const auto watch = EndWatch::start([&](int signal) {
    scratch->remove();
    request.end(signal);  // which is the processor's end as well
  });
  if (!watch) {
    return report_error(watch.error());
  }
  OwnUi ui;
  if (!request.ui_folder.empty()) {
    if (const Status served = ui.serve(request); !served) {
      return report_error(served.error());
    }
  }
  const auto trace = trace_of(*path, scratch->path());
  if (!trace) {
    return report_error(trace.error());
  }
  const auto child = start(*program, port, *trace);
  if (!child) {
    return report_error(child.error());
  }
  if (const Status listens = wait_until_it_listens(*child, *program, port); !listens) {
    return report_error(listens.error());
  }
  scratch->remove();  // it has read it
  std::vector<uint16_t> ports = {port};
  if (ui.server) {
    ports.push_back(kOwnUiPort);
  }
  lead_to(ui.address + viewer::perfetto_route(port == kProcessorPort ? 0 : port),
          ports,
          request.has_browser,
          request.say);
  request.say("the UI asks whether to use the loaded trace: yes; Ctrl-C ends it");
  log_error("%s", end_of(*program, wait_for(*child)).c_str());
  return kOtherError;
}

}  // namespace vtn::launcher

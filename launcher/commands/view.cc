// SPDX-License-Identifier: Apache-2.0
#include "launcher/commands/view.h"

#include <string_view>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "launcher/recordings.h"
#include "launcher/values.h"
#include "report/formats.h"
#include "viewer/server/viewer.h"

extern char** environ;

namespace vtn::launcher {

namespace {

constexpr int kUsageError = 2;
constexpr uint64_t kMostPort = 65535;
constexpr uint64_t kDefaultTimeoutS = 10;
constexpr uint64_t kMostTimeoutS = 1'000'000;

int report_error(const Error& error, int status) {
  log_error("%s", error.message.c_str());
  return status;
}

bool is_shown_format(const std::string& path) {
  bool gzip = false;
  const report::Format* const format = report::format_of_name(path, gzip);
  if (format == nullptr) {
    return false;
  }
  return format->has_each_call;
}

std::string cache_folder() {
  const char* const cache = getenv("XDG_CACHE_HOME");
  const char* const home = getenv("HOME");
  return cache != nullptr && cache[0] == '/' ? std::string(cache) + "/viztracer-native"
         : home != nullptr && home[0] == '/' ? std::string(home) + "/.cache/viztracer-native"
                                             : std::string();
}

// The command that opens an address where the user wants it; its output is of no interest.
void open_browser(const std::string& address) {
  const char* const browser = getenv("BROWSER");
  std::string program = browser != nullptr && browser[0] != '\0' ? browser : "xdg-open";
  std::string argument = address;
  char* const argv[] = {program.data(), argument.data(), nullptr};
  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) != 0) {
    return;
  }
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    (void)posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  }
  pid_t child = 0;
  if (posix_spawnp(&child, program.c_str(), &actions, nullptr, argv, environ) != 0) {
    log_error("no browser was started (%s): open the address yourself", program.c_str());
  }
  (void)posix_spawn_file_actions_destroy(&actions);
}

std::string this_host() {
  char name[256] = "";
  const passwd* const user = getpwuid(geteuid());
  return (user != nullptr ? std::string(user->pw_name) + "@" : std::string()) +
         (gethostname(name, sizeof(name) - 1) == 0 ? name : "HOST");
}

// Of "CLIENT PORT ADDRESS PORT" what is to be said of the last word: nothing, if it is the usual
// one.
std::string ssh_port_option(std::string_view connection) {
  const size_t port = connection.rfind(' ');
  return port == connection.npos || connection.substr(port) == " 22"
             ? ""
             : fmt::format(" -p{}", connection.substr(port));
}

void say(const std::string& line) { (void)write_all(STDOUT_FILENO, line + "\n"); }

}  // namespace

bool can_be_viewed(const std::string& word) {
  struct stat info = {};
  if (stat(word.c_str(), &info) != 0) {
    return is_shown_format(word);  // it says so itself that it is missing
  }
  return S_ISDIR(info.st_mode) || (S_ISREG(info.st_mode) && is_shown_format(word)) ||
         names_recording(word);
}

int run_view(const CommandWords& words) {
  viewer::ViewSettings settings;
  auto path = absolute_path(words.names[0]);
  if (!path) {
    return report_error(path.error(), 1);
  }
  settings.path = std::move(*path);
  while (settings.path.size() > 1 && settings.path.ends_with('/')) {
    settings.path.pop_back();
  }
  if (access(settings.path.c_str(), R_OK) != 0) {
    return report_error(fail_errno("cannot read " + words.names[0]).value(), 1);
  }
  if (!can_be_viewed(settings.path)) {
    log_error("cannot show %s: it is no recording and no report with calls in it (%s)",
              words.names[0].c_str(),
              ".vtn, .html, .json, .pftrace");
    return 1;
  }
  const auto port = read_number(words.has("port") ? words.value("port") : "0", 0, kMostPort);
  const auto timeout_s =
      read_number(words.has("timeout") ? words.value("timeout") : std::to_string(kDefaultTimeoutS),
                  1,
                  kMostTimeoutS);
  if (!port || !timeout_s) {
    log_error(
        "--%s %s", port ? "timeout" : "port", (port ? timeout_s : port).error().message.c_str());
    return kUsageError;
  }
  const bool once = words.has("once");
  settings.ui_folder = words.value("ui_dir");
  settings.perfetto = words.has("perfetto") || !settings.ui_folder.empty();
  if (!settings.ui_folder.empty() &&
      access((settings.ui_folder + "/index.html").c_str(), R_OK) != 0) {
    log_error("--ui_dir %s: there is no index.html in it", settings.ui_folder.c_str());
    return kUsageError;
  }
  settings.shows = [](const std::string& file) { return is_shown_format(file); };
  settings.pages.cache_folder = cache_folder();
  settings.pages.stays = !once;
  settings.pages.open = [](const std::string& file) {
    return open_recording(file, temporary_folder(), true);
  };
  const auto key = viewer::make_key();
  if (!key) {
    return report_error(key.error(), 1);
  }
  viewer::Viewer viewer(std::move(settings), *key);
  viewer::HttpServer* running = nullptr;
  auto server = viewer::HttpServer::listen(static_cast<uint16_t>(*port),
                                           [&](const viewer::HttpRequest& request) {
                                             viewer::HttpAnswer answer = viewer.answer(request);
                                             if (once && viewer.is_served()) {
                                               running->stop();
                                             }
                                             return answer;
                                           });
  if (!server) {
    return report_error(server.error(), 1);
  }
  running = &*server;
  if (const Status prepared = viewer.prepare(); !prepared) {
    return report_error(prepared.error(), 1);
  }
  const std::string address =
      fmt::format("http://127.0.0.1:{}{}", server->port(), viewer.first_path());
  say(address);
  if (const char* const connection = getenv("SSH_CONNECTION"); connection != nullptr) {
    say(fmt::format(
        "from the other machine: ssh{0} -L {1}:127.0.0.1:{1} {2}, then the same address",
        ssh_port_option(connection),
        server->port(),
        this_host()));
  } else if (!words.has("server_only")) {
    open_browser(address);
  }
  say("Ctrl-C ends it");
  const bool ends = once || words.has("timeout");
  const Status status = server->serve(ends ? static_cast<int>(*timeout_s) * 1000 : -1);
  return status ? 0 : report_error(status.error(), 1);
}

}  // namespace vtn::launcher

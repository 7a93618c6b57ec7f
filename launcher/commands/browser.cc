// SPDX-License-Identifier: Apache-2.0
#include "launcher/commands/browser.h"

#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>

#include <fmt/format.h>

extern char** environ;

namespace vtn::launcher {

namespace {

bool is_set(const char* name) {
  const char* const value = getenv(name);
  return value != nullptr && value[0] != '\0';
}

// What whoever started us left open is not the browser's: it may live for days.
void close_on_exec() {
  DIR* const listing = opendir("/proc/self/fd");
  if (listing == nullptr) {
    return;
  }
  while (const dirent* const entry = readdir(listing)) {
    if (const auto fd = static_cast<int>(strtol(entry->d_name, nullptr, 10)); fd > STDERR_FILENO) {
      (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
  }
  (void)closedir(listing);
}

// Its output is of no interest, and Ctrl-C in this terminal not meant for it.
int spawn_apart(std::string program, std::string argument) {
  char* const argv[] = {program.data(), argument.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (const int code = posix_spawn_file_actions_init(&actions); code != 0) {
    return code;
  }
  if (const int code = posix_spawnattr_init(&attributes); code != 0) {
    (void)posix_spawn_file_actions_destroy(&actions);
    return code;
  }
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    (void)posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  }
  close_on_exec();
  sigset_t none;
  sigemptyset(&none);
  (void)posix_spawnattr_setsigmask(&attributes, &none);
  (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
  pid_t child = 0;
  const int code = posix_spawnp(&child, program.c_str(), &actions, &attributes, argv, environ);
  (void)posix_spawnattr_destroy(&attributes);
  (void)posix_spawn_file_actions_destroy(&actions);
  return code;
}

// As ssh takes it.
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

// An error says why there is none.
Status start_browser(const std::string& address) {
  VTN_TRY(can_start_browser());
  const std::string program = is_set("BROWSER") ? getenv("BROWSER") : "xdg-open";
  const int code = spawn_apart(program, address);
  return code == 0 ? Status() : fail_errno("cannot run " + program, code);
}

}  // namespace

bool came_by_ssh() { return getenv("SSH_CONNECTION") != nullptr; }

Status can_start_browser() {
  if (came_by_ssh()) {
    return fail("you have come from another machine (SSH_CONNECTION is set)");
  }
  if (!is_set("BROWSER") && !is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY")) {
    return fail("there is no display (DISPLAY, WAYLAND_DISPLAY and BROWSER are not set)");
  }
  return {};
}

void lead_to(const std::string& address,
             const std::vector<uint16_t>& ports,
             bool starts_one,
             const std::function<void(const std::string& line)>& say) {
  say(address);
  if (came_by_ssh()) {
    std::string forwards = ssh_port_option(getenv("SSH_CONNECTION"));
    for (const uint16_t port : ports) {
      forwards += fmt::format(" -L {0}:127.0.0.1:{0}", port);
    }
    say(fmt::format(
        "from the other machine: ssh{} {}, then the same address", forwards, this_host()));
  } else if (starts_one) {
    if (const Status started = start_browser(address); !started) {
      say(fmt::format("no browser was started: {}; open the address yourself",
                      started.error().message));
    }
  }
}

}  // namespace vtn::launcher

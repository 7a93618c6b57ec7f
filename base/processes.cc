// SPDX-License-Identifier: Apache-2.0
#include "base/processes.h"

#include <algorithm>
#include <vector>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

namespace vtn {

namespace {

// As in <linux/pidfd.h> of Linux 6.15; older headers do not have it.
struct PidfdInfo {
  uint64_t mask;
  uint64_t cgroup;
  uint32_t ids[11];
  int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr unsigned long kPidfdGetInfo = _IOWR(0xff, 11, PidfdInfo);
constexpr uint64_t kPidfdInfoExit = 1u << 3;

// Fields of /proc/PID/stat behind the name, from 0.
constexpr int kStateField = 0;
constexpr int kParentField = 1;
constexpr int kStartField = 19;
constexpr int kExitCodeField = 49;

// 0: not a number.
pid_t number_of(const char* text) { return static_cast<pid_t>(strtol(text, nullptr, 10)); }

std::string proc_path(pid_t pid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

// A /proc that was mounted for another namespace gives our pids to others.
bool proc_is_ours() {
  static const bool ours = [] {
    char link[16] = {};
    return readlink("/proc/self", link, sizeof(link) - 1) > 0 && number_of(link) == getpid();
  }();
  return ours;
}

// "Name:\tvalue ..."; the value's words.
std::vector<std::string> status_words(const std::string& status, const char* name) {
  std::vector<std::string> words;
  const std::string wanted = std::string("\n") + name + ":";
  size_t at = status.find(wanted);
  if (at == std::string::npos) {
    return words;
  }
  at += wanted.size();
  const size_t end = std::min(status.find('\n', at), status.size());
  while (at < end) {
    const size_t begin = std::min(status.find_first_not_of(" \t", at), end);
    at = std::min(status.find_first_of(" \t\n", begin), end);
    if (begin < at) {
      words.push_back(status.substr(begin, at - begin));
    }
  }
  return words;
}

// The kernel shows 0 to those who may not look into the process.
bool may_know_exit_of(pid_t pid) {
  if (geteuid() == 0) {
    return true;
  }
  const std::string status = read_file(proc_path(pid, "status")).value_or("");
  std::vector<std::string> ids =
      status_words(status, "Uid");  // real, effective, saved, file system
  ids.resize(std::min<size_t>(ids.size(), 3));
  return ids.size() == 3 && std::count(ids.begin(), ids.end(), std::to_string(geteuid())) == 3;
}

std::vector<pid_t> numbers_in(const std::string& folder) {
  std::vector<pid_t> numbers;
  if (DIR* entries = opendir(folder.c_str()); entries != nullptr) {
    while (const dirent* entry = readdir(entries)) {
      if (const int number = number_of(entry->d_name); number > 0) {
        numbers.push_back(number);
      }
    }
    (void)closedir(entries);
  }
  return numbers;
}

SeenProcess look_at(pid_t pid, uint32_t pid_namespace, uint32_t own_pid) {
  struct stat info;
  if (stat(proc_path(pid, "ns/pid").c_str(), &info) != 0 ||
      static_cast<uint32_t>(info.st_ino) != pid_namespace) {
    return {};
  }
  const std::string status = read_file(proc_path(pid, "status")).value_or("");
  const std::vector<std::string> pids = status_words(status, "NSpid");
  if (pids.empty() || static_cast<uint32_t>(number_of(pids.back().c_str())) != own_pid) {
    return {};
  }
  const std::vector<std::string> parent = status_words(status, "PPid");
  return {static_cast<uint32_t>(pid),
          parent.empty() ? 0 : static_cast<uint32_t>(number_of(parent[0].c_str()))};
}

}  // namespace

std::optional<ProcessStat> read_process_stat(pid_t pid) {
  if (!proc_is_ours()) {
    return {};
  }
  const std::string text = read_file(proc_path(pid, "stat")).value_or("");
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= text.size()) {
    return {};
  }
  ProcessStat stat;
  const char* at = text.c_str() + name_end + 2;
  for (int field = 0; *at != '\0' && field <= kExitCodeField; ++field) {
    switch (field) {
      case kStateField:
        stat.state = *at;
        break;
      case kParentField:
        stat.parent_pid = static_cast<uint32_t>(strtoul(at, nullptr, 10));
        break;
      case kStartField:
        stat.start_jiffies = strtoull(at, nullptr, 10);
        break;
      case kExitCodeField:
        if (const auto status = static_cast<int32_t>(strtol(at, nullptr, 10));
            stat.state == 'Z' && (status != 0 || may_know_exit_of(pid))) {
          stat.wait_status = status;
        }
        break;
      default:
        break;
    }
    at += strcspn(at, " ");
    at += strspn(at, " ");
  }
  return stat;
}

uint64_t started_at_ns(const ProcessStat& stat) {
  // /proc counts from boot, suspended times included.
  struct timespec boot = {};
  struct timespec monotonic = {};
  (void)clock_gettime(CLOCK_BOOTTIME, &boot);
  (void)clock_gettime(CLOCK_MONOTONIC, &monotonic);
  const auto suspended_ns = static_cast<int64_t>(boot.tv_sec - monotonic.tv_sec) * 1'000'000'000 +
                            boot.tv_nsec - monotonic.tv_nsec;
  const auto since_boot_ns = static_cast<int64_t>(
      stat.start_jiffies * (1'000'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK))));
  return static_cast<uint64_t>(std::max<int64_t>(since_boot_ns - suspended_ns, 0));
}

std::string read_command_line(pid_t pid) {
  return proc_is_ours() ? read_file(proc_path(pid, "cmdline")).value_or("") : "";
}

std::string read_executable(pid_t pid) {
  char path[PATH_MAX];
  const ssize_t bytes =
      proc_is_ours() ? readlink(proc_path(pid, "exe").c_str(), path, sizeof(path)) : -1;
  return bytes > 0 ? std::string(path, static_cast<size_t>(bytes)) : "";
}

std::optional<bool> maps_file(pid_t pid, std::string_view part_of_path) {
  const std::string path = proc_path(pid, "maps");
  const auto maps = proc_is_ours() ? read_file(path) : fail("no /proc");
  if (!maps || maps->empty()) {  // a zombie has none
    return {};
  }
  if (maps->find(part_of_path) != maps->npos) {
    return true;
  }
  // The list ends where its memory is taken down meanwhile, on the way to its end or to another
  // program: only while there is one still, the first was whole.
  const auto again = read_file(path);
  return again && !again->empty() ? std::optional(again->find(part_of_path) != again->npos)
                                  : std::nullopt;
}

UniqueFd open_pidfd(pid_t pid) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

std::optional<int32_t> exit_status_of(int pidfd) {
  PidfdInfo info = {};
  info.mask = kPidfdInfoExit;
  if (ioctl(pidfd, kPidfdGetInfo, &info) != 0 || (info.mask & kPidfdInfoExit) == 0) {
    return {};
  }
  return info.exit_code;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> found;
  const std::string tasks = proc_path(pid, "task");
  for (const pid_t task : numbers_in(tasks)) {
    const std::string children =
        read_file(tasks + "/" + std::to_string(task) + "/children").value_or("");
    for (const char* at = children.c_str(); *at != '\0'; at += strspn(at, " ")) {
      found.push_back(number_of(at));
      at += strcspn(at, " ");
    }
  }
  return found;
}

SeenProcess find_in_namespace(uint32_t pid_namespace, uint32_t own_pid, uint32_t parent_pid) {
  if (!proc_is_ours()) {
    return {};
  }
  if (parent_pid != 0) {
    for (const pid_t child : children_of(static_cast<pid_t>(parent_pid))) {
      const SeenProcess seen = look_at(child, pid_namespace, own_pid);
      if (seen.pid != 0) {
        return seen;
      }
    }
  }
  for (const pid_t pid : numbers_in("/proc")) {
    const SeenProcess seen = look_at(pid, pid_namespace, own_pid);
    if (seen.pid != 0) {
      return seen;
    }
  }
  return {};
}

uint32_t own_pid_namespace() {
  struct stat info;
  return stat("/proc/self/ns/pid", &info) == 0 ? static_cast<uint32_t>(info.st_ino) : 0;
}

}  // namespace vtn

// SPDX-License-Identifier: Apache-2.0
#include "session/arena_size.h"

#include <algorithm>
#include <string_view>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "base/file.h"

namespace vtn::session {

namespace {

constexpr uint64_t kMiB = 1u << 20;
constexpr uint64_t kLargestArenaBytes = 256 * kMiB;

uint64_t soft_limit(__rlimit_resource which) {
  rlimit limit;
  if (getrlimit(which, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return UINT64_MAX;
  }
  return limit.rlim_cur;
}

// "max" and what cannot be read mean no limit.
uint64_t read_limit(const std::string& path) {
  auto text = read_file(path, 4096);
  if (!text || text->empty() || (*text)[0] < '0' || (*text)[0] > '9') {
    return UINT64_MAX;
  }
  return strtoull(text->c_str(), nullptr, 10);
}

uint64_t least_limit_upwards(const std::string& root, std::string group, const char* file) {
  uint64_t least = UINT64_MAX;
  for (;;) {
    least = std::min(least, read_limit(root + (group == "/" ? "" : group) + "/" + file));
    if (group == "/" || group.empty() || group[0] != '/') {
      return least;
    }
    group = folder_of(group);
  }
}

}  // namespace

uint64_t cgroup_memory_limit(const std::string& proc_cgroup, const std::string& root) {
  uint64_t least = UINT64_MAX;
  std::string_view rest = proc_cgroup;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) {
      continue;
    }
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string group(line.substr(second + 1));
    if (controllers.empty()) {
      least = std::min(least, least_limit_upwards(root, group, "memory.max"));
    } else if (controllers == "memory") {
      least =
          std::min(least, least_limit_upwards(root + "/memory", group, "memory.limit_in_bytes"));
    }
  }
  return least;
}

MemoryLimits read_memory_limits(const std::string& folder) {
  MemoryLimits limits;
  struct statvfs info;
  if (statvfs(folder.c_str(), &info) == 0) {
    limits.file_system_free_bytes = uint64_t{info.f_bavail} * info.f_frsize;
  }
  if (auto groups = read_file("/proc/self/cgroup", kMiB)) {
    limits.cgroup_bytes = cgroup_memory_limit(*groups, "/sys/fs/cgroup");
  }
  limits.address_space_bytes = soft_limit(RLIMIT_AS);
  limits.file_bytes = soft_limit(RLIMIT_FSIZE);
  return limits;
}

uint64_t arena_size(const MemoryLimits& limits) {
  uint64_t bytes = kLargestArenaBytes;
  bytes = std::min(bytes, limits.file_system_free_bytes / 4);
  bytes = std::min(bytes, limits.cgroup_bytes / 16);
  bytes = std::min(bytes, limits.address_space_bytes / 16);
  bytes = std::min(bytes, limits.file_bytes);
  return bytes >= kMiB ? bytes / kMiB * kMiB : bytes;
}

ClockKind choose_clock() {
  auto source = read_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", 4096);
  if (!source || *source != "tsc\n") {
    return ClockKind::kMonotonic;
  }
  // The first processor's block is enough, and quick on a machine with hundreds of them.
  auto cpuinfo = open_file("/proc/cpuinfo", O_RDONLY);
  char text[8192];
  auto count = cpuinfo ? read_all(cpuinfo->get(), text, sizeof(text)) : Result<size_t>(fail("", 0));
  if (!count) {
    return ClockKind::kMonotonic;
  }
  const std::string_view block(text, *count);
  const bool invariant =
      block.find(" constant_tsc ") != block.npos && block.find(" nonstop_tsc ") != block.npos;
  return invariant ? ClockKind::kTsc : ClockKind::kMonotonic;
}

}  // namespace vtn::session

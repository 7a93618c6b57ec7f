// SPDX-License-Identifier: Apache-2.0
//
// What attach/ does, from a command line, for tests in Python:
//   inject look PID
//   inject load PID LIBRARY [LIMIT_MS]
// A line of words on stdout, `name=value` each; or the error's line on stderr, and status 1.
#include <string>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/load_library.h"
#include "attach/target_process.h"

namespace {

using namespace vtn;
using namespace vtn::attach;

int say_error(const Error& error) {
  (void)fprintf(stderr, "%s\n", error.message.c_str());
  return 1;
}

int look(pid_t pid) {
  const auto target = look_at_target(pid);
  if (!target) {
    return say_error(target.error());
  }
  printf("python=%u.%u free_threaded=%d\n",
         target->python >> 8,
         target->python & 0xff,
         target->is_free_threaded ? 1 : 0);
  return 0;
}

int load(pid_t pid, const std::string& path, const char* limit_ms) {
  LoadOptions options;
  if (limit_ms != nullptr) {
    options.limit_ns = strtoull(limit_ms, nullptr, 10) * 1'000'000;
  }
  const auto report = load_library(pid, path, options);
  if (!report) {
    return say_error(report.error());
  }
  printf("way=%s tid=%d is_over=%d held_us=%llu took_us=%llu\n",
         report->way == LoadWay::kSleepingThread ? "sleeping" : "pending",
         report->tid,
         report->is_over ? 1 : 0,
         static_cast<unsigned long long>(report->held_ns / 1000),
         static_cast<unsigned long long>(report->took_ns / 1000));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 2 ? argv[1] : "";
  const pid_t pid = argc > 2 ? static_cast<pid_t>(strtol(argv[2], nullptr, 10)) : 0;
  if (verb == "look" && argc == 3) {
    return look(pid);
  }
  if (verb == "load" && (argc == 4 || argc == 5)) {
    return load(pid, argv[3], argv[4]);
  }
  (void)fprintf(stderr, "usage: inject look PID | load PID LIBRARY [LIMIT_MS]\n");
  return 2;
}

// SPDX-License-Identifier: Apache-2.0
#include "attach/sleeping_threads.h"

#include <algorithm>
#include <string>

#include <dirent.h>
#include <stdlib.h>

#include "attach/syscall_state.h"
#include "base/file.h"

namespace vtn::attach {

namespace {

constexpr uint64_t kRoomBytes = 96 << 10;
constexpr uint64_t kRoomThatGrowsBytes = 24 << 10;  // what is written before the thread runs

std::string task_path(pid_t pid, pid_t tid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/" + name;
}

// /proc/PID/task/TID/syscall: "running", or the number and six arguments of a system call.
bool is_safe_line(const std::string& line) {
  char* end = nullptr;
  const long number = strtol(line.c_str(), &end, 10);
  if (end == line.c_str()) {
    return false;
  }
  (void)strtoull(end, &end, 16);
  return is_safe_sleep(number, strtoull(end, nullptr, 16));
}

bool sleeps(pid_t pid, pid_t tid) {
  if (const auto line = read_file(task_path(pid, tid, "syscall"))) {
    return is_safe_line(*line);
  }
  const std::string stat = read_file(task_path(pid, tid, "stat")).value_or("");
  return stat.find(") S ") != stat.npos;
}

}  // namespace

std::vector<pid_t> threads_of(pid_t pid) {
  std::vector<pid_t> threads;
  const std::string folder = "/proc/" + std::to_string(pid) + "/task";
  if (DIR* entries = opendir(folder.c_str()); entries != nullptr) {
    while (const dirent* entry = readdir(entries)) {
      if (const auto tid = static_cast<pid_t>(strtol(entry->d_name, nullptr, 10)); tid > 0) {
        threads.push_back(tid);
      }
    }
    (void)closedir(entries);
  }
  std::ranges::sort(threads, {}, [&](pid_t tid) { return std::pair(tid != pid, tid); });
  return threads;
}

std::vector<pid_t> find_sleeping_threads(pid_t pid) {
  std::vector<pid_t> threads = threads_of(pid);
  std::erase_if(threads, [&](pid_t tid) { return !sleeps(pid, tid); });
  return threads;
}

// What makes system calls of its own, such as the dynamic linker and Go's runtime, may be in the
// middle of anything, on any stack.
bool is_safely_asleep(const user_regs_struct& registers, const LoadedObjects& objects) {
  const auto number = interrupted_syscall(registers);
  const LoadedObject* caller = objects.at(registers.rip);
  return number && is_safe_sleep(*number, registers.rsi) && caller != nullptr &&
         is_libc_name(caller->file_name()) && has_room_on_stack(registers, objects);
}

bool has_room_on_stack(const user_regs_struct& registers, const LoadedObjects& objects) {
  const MappedArea* area = area_at(objects.areas(), registers.rsp);
  if (area == nullptr || !area->writable) {
    return false;
  }
  // The first thread's grows by itself. Those of others end in what the thread pointer is of.
  if (area->path == "[stack]") {
    return registers.rsp - area->begin >= kRoomThatGrowsBytes;
  }
  return registers.fs_base > registers.rsp && registers.fs_base < area->end &&
         registers.rsp - area->begin >= kRoomBytes;
}

}  // namespace vtn::attach

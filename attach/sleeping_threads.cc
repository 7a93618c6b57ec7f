// SPDX-License-Identifier: Apache-2.0
#include "attach/sleeping_threads.h"

#include <algorithm>
#include <optional>
#include <string>

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
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

struct SystemCall {
  long number = 0;
  uint64_t operation = 0;
  uint64_t stack_pointer = 0;
  uint64_t instruction = 0;
};

// /proc/PID/task/TID/syscall: "running", or the number, six arguments, stack and instruction
// pointer.
std::optional<SystemCall> parse_syscall(const std::string& text) {
  SystemCall call;
  const int fields =
      sscanf(text.c_str(),
             "%ld 0x%*x 0x%" SCNx64 " 0x%*x 0x%*x 0x%*x 0x%*x 0x%" SCNx64 " 0x%" SCNx64,
             &call.number,
             &call.operation,
             &call.stack_pointer,
             &call.instruction);
  return fields == 4 ? std::optional(call) : std::nullopt;
}

// The dynamic linker reads files as well: not from in there.
bool is_in_linker(uint64_t instruction, const LoadedObjects& objects) {
  const LoadedObject* object = objects.at(instruction);
  return object != nullptr && is_linker_name(object->file_name()) &&
         !is_libc_name(object->file_name());
}

bool is_safe(long number,
             uint64_t operation,
             uint64_t stack,
             uint64_t instruction,
             const LoadedObjects& objects) {
  return is_safe_sleep(number, operation) && !is_in_linker(instruction, objects) &&
         has_room_on_stack(stack, objects);
}

bool sleeps(pid_t pid, pid_t tid, const LoadedObjects& objects) {
  const auto text = read_file(task_path(pid, tid, "syscall"));
  if (!text) {
    const std::string stat = read_file(task_path(pid, tid, "stat")).value_or("");
    return stat.find(") S ") != stat.npos;
  }
  const auto call = parse_syscall(*text);
  return call &&
         is_safe(call->number, call->operation, call->stack_pointer, call->instruction, objects);
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

std::vector<pid_t> find_sleeping_threads(pid_t pid, const LoadedObjects& objects) {
  std::vector<pid_t> threads = threads_of(pid);
  std::erase_if(threads, [&](pid_t tid) { return !sleeps(pid, tid, objects); });
  return threads;
}

bool is_safely_asleep(const user_regs_struct& registers, const LoadedObjects& objects) {
  const auto number = interrupted_syscall(registers);
  return number && is_safe(*number, registers.rsi, registers.rsp, registers.rip, objects);
}

bool has_room_on_stack(uint64_t stack_pointer, const LoadedObjects& objects) {
  const MappedArea* area = area_at(objects.areas(), stack_pointer);
  if (area == nullptr || !area->writable) {
    return false;
  }
  return stack_pointer - area->begin >=
         (area->path == "[stack]" ? kRoomThatGrowsBytes : kRoomBytes);
}

}  // namespace vtn::attach

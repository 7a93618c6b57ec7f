// SPDX-License-Identifier: Apache-2.0
#include "attach/sleeping_threads.h"

#include <algorithm>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/catch.h"

namespace vtn::attach {
namespace {

constexpr size_t kStackBytes = 1 << 20;

// Registers of a thread of ours that is at this place of its stack. Where glibc and musl both have
// it, the thread pointer is pthread_self().
user_regs_struct registers_at(const void* stack) {
  user_regs_struct registers = {};
  registers.rsp = reinterpret_cast<uint64_t>(stack);
  registers.fs_base = static_cast<uint64_t>(pthread_self());
  return registers;
}

LoadedObjects own_objects() {
  auto objects = LoadedObjects::read(getpid());
  REQUIRE(objects.has_value());
  return std::move(*objects);
}

TEST_CASE("sleeping_threads: a thread's own stack has room, and others have not", "[attach]") {
  const int on_first_stack = 0;
  CHECK(has_room_on_stack(registers_at(&on_first_stack), own_objects()));
  void* coroutine =
      mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(coroutine != MAP_FAILED);
  const LoadedObjects objects = own_objects();
  CHECK_FALSE(
      has_room_on_stack(registers_at(static_cast<char*>(coroutine) + kStackBytes - 256), objects));
  CHECK_FALSE(has_room_on_stack(registers_at(nullptr), objects));
  CHECK_FALSE(
      has_room_on_stack(registers_at(reinterpret_cast<const void*>(&own_objects)), objects));

  std::thread other([&] {
    const int on_stack = 0;
    const LoadedObjects seen = LoadedObjects::read(getpid()).value();
    const MappedArea* area = area_at(seen.areas(), reinterpret_cast<uint64_t>(&on_stack));
    const bool has_room = has_room_on_stack(registers_at(&on_stack), seen);
    const auto* lowest = reinterpret_cast<const char*>(area->begin);
    const bool has_room_low = has_room_on_stack(registers_at(lowest + 4096), seen);
    const bool has_room_elsewhere =
        has_room_on_stack(registers_at(static_cast<char*>(coroutine) + kStackBytes - 256), seen);
    CHECK((has_room && !has_room_low && !has_room_elsewhere));
  });
  other.join();
  REQUIRE(munmap(coroutine, kStackBytes) == 0);
}

TEST_CASE("sleeping_threads: those that wait in a safe call are found", "[attach]") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  pid_t tids[2] = {};
  std::vector<std::thread> readers;
  for (pid_t& tid : tids) {
    readers.emplace_back([&] {
      tid = static_cast<pid_t>(syscall(SYS_gettid));
      char byte = 0;
      (void)!read(ends[0], &byte, 1);
    });
  }
  const auto found = [&] {
    const std::vector<pid_t> threads = find_sleeping_threads(getpid());
    return std::ranges::all_of(tids,
                               [&](pid_t tid) { return std::ranges::count(threads, tid) == 1; });
  };
  for (int look = 0; look < 5000 && !found(); ++look) {
    (void)usleep(1000);
  }
  CHECK(found());
  CHECK(threads_of(getpid()).front() == getpid());
  CHECK(threads_of(getpid()).size() >= 3);
  REQUIRE(write(ends[1], "12", 2) == 2);
  for (std::thread& reader : readers) {
    reader.join();
  }
  (void)close(ends[0]);
  (void)close(ends[1]);
}

}  // namespace
}  // namespace vtn::attach

// SPDX-License-Identifier: Apache-2.0
//
// Writes N events with the engine alone: its instruction count, divided by N, is what the record
// path costs without CPython. Run under callgrind by record_instructions.py; alone it prints
// nanoseconds. Chunks are recycled by this process itself, so the arena stays small.
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <sys/mman.h>

#include "base/freestanding/atomic.h"
#include "tracer/arena.h"
#include "tracer/engine.h"
#include "tracer/thread_writer.h"

namespace vtn {
namespace {

thread_local tracer::ThreadState* t_word __attribute__((tls_model("initial-exec"))) = nullptr;

void* map_shared(uint64_t bytes) {
  return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

void recycle_full(const tracer::Arena& arena) {
  for (uint32_t i = 0; i < arena.geometry.chunk_count; ++i) {
    if (chunk_state(load_acquire(&arena.headers[i].owner)) == ChunkState::kFull) {
      tracer::recycle_chunk(arena, i);
    }
  }
}

double seconds() {
  timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

int run(uint64_t events) {
  const ArenaGeometry geometry = tracer::arena_geometry(uint64_t{4} << 20);
  void* control = map_shared(kControlBytes);
  auto* page = static_cast<ControlPage*>(control);
  page->geometry = geometry;
  page->process_slots = kMaxProcesses;
  page->state = static_cast<uint32_t>(SessionState::kRecording);
  const tracer::Arena arena(control, map_shared(geometry.arena_bytes));
  for (uint32_t i = 0; i < geometry.chunk_count; ++i) {
    tracer::provide_chunk(arena, i);
  }
  char* thread_pointer;
  __asm__("movq %%fs:0, %0" : "=r"(thread_pointer));
  const tracer::EngineHooks hooks = {.describe_process = [] {},
                                     .look_after = nullptr,
                                     .watch_thread_exit = nullptr,
                                     .process_slot = [] { return 0u; }};
  if (!tracer::start_engine(
          arena, ClockKind::kTsc, hooks, reinterpret_cast<char*>(&t_word) - thread_pointer)) {
    return 1;
  }
  (void)tracer::current_thread();
  const double start = seconds();
  constexpr uint64_t kBatch = 100'000;
  for (uint64_t done = 0; done < events; done += kBatch) {
    for (uint64_t i = 0; i < kBatch; i += 2) {
      tracer::record_enter(tracer::current_thread(), kFirstNameId);
      const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
      tracer::record_at(tracer::current_thread(), ticks, EventKind::kLeave, kFirstNameId);
    }
    recycle_full(arena);
  }
  if (events != 0) {
    std::printf("%.2f ns per event, %lu lost\n",
                (seconds() - start) / static_cast<double>(events) * 1e9,
                static_cast<unsigned long>(arena.processes[0].lost_events));
  }
  return 0;
}

}  // namespace
}  // namespace vtn

int main(int argc, char** argv) {
  return vtn::run(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000'000);
}

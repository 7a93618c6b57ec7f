// SPDX-License-Identifier: Apache-2.0
//
// Process slots and chunk headers as programs may leave them that write to any byte of the shared
// memory, while the collector makes passes and processes die. What comes of it is a spool that
// reads and a report.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/drain.h"
#include "report/json/writer.h"
#include "report/perfetto/writer.h"
#include "report/pieces.h"
#include "report/process_tree.h"
#include "spool/reader.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace vtn;

constexpr uint32_t kSlots = 16;

void* map(uint64_t bytes) {
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) {
    abort();
  }
  return at;
}

// Answers by the input's bytes.
class FuzzKernel : public collector::ProcessProbe {
 public:
  uint8_t mood = 0;

  SeenProcess met(uint32_t, const ProcessSlot& slot, uint32_t) override {
    return (mood & 1) != 0 ? SeenProcess{} : SeenProcess{slot.pid, slot.parent_pid};
  }
  void changed(uint32_t) override {}
  bool lives(uint32_t process) override { return ((mood >> (process % 7)) & 1) != 0; }
  collector::ProcessFate fate(uint32_t process) override {
    collector::ProcessFate fate;
    fate.died = !lives(process);
    fate.status_known = (mood & 4) != 0;
    fate.wait_status = mood;
    fate.command_line = (mood & 8) != 0 ? std::string(mood, 't') : "";
    return fate;
  }
  uint32_t parent_of(uint32_t pid) override { return (mood & 16) != 0 ? pid : mood; }
};

struct Step {
  uint8_t what;
  uint8_t slot;
  uint8_t at;  // of the slot's bytes, in words of four
  uint8_t mood;
  uint32_t value;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static void* const control = map(kControlBytes);
  static const ArenaGeometry geometry = tracer::arena_geometry(tracer::kSmallestArenaBytes);
  static void* const chunks = map(geometry.arena_bytes);
  memset(control, 0, kControlHeadBytes + (kSlots + 1) * sizeof(ProcessSlot));
  memset(chunks, 0, geometry.arena_bytes);
  auto* page = static_cast<ControlPage*>(control);
  page->geometry = geometry;
  page->process_slots = kSlots;
  page->process_high_water = kSlots;
  const tracer::Arena arena(control, chunks);
  for (uint32_t i = 0; i < geometry.chunk_count; ++i) {
    tracer::provide_chunk(arena, i);
  }
  UniqueFd fd(memfd_create("fuzz", MFD_CLOEXEC));
  const int again = dup(fd.get());
  const spool::FileHeader header = spool::file_header(ClockKind::kMonotonic);
  auto spool = spool::Writer::start(std::move(fd), header);
  if (!spool || again < 0) {
    abort();
  }
  {
    FuzzKernel kernel;
    collector::Drain drain(arena, ClockKind::kMonotonic, **spool, kernel, false);
    for (size_t at = 0; at + sizeof(Step) <= size; at += sizeof(Step)) {
      Step step;
      memcpy(&step, data + at, sizeof(step));
      kernel.mood = step.mood;
      const uint32_t slot = step.slot % kSlots;
      auto* words = reinterpret_cast<uint32_t*>(&arena.processes[slot]);
      switch (step.what % 6) {
        case 0:  // fields, mostly
          words[step.at % 32] = step.value;
          break;
        case 1:  // small values: states, kinds, pids
          words[step.at % 32] = step.value % 8;
          break;
        case 2:
          words[step.at % (sizeof(ProcessSlot) / sizeof(uint32_t))] = step.value;
          break;
        case 3:
          (void)tracer::claim_chunk(arena,
                                    0,
                                    step.value % 2 == 0 ? ChunkKind::kNames : ChunkKind::kEvents,
                                    slot,
                                    step.at % 3,
                                    step.value,
                                    step.mood % 4,
                                    step.value);
          break;
        case 4:
          drain.processes_died({step.value % 8});
          [[fallthrough]];
        default:
          (void)drain.pass();
          break;
      }
    }
    drain.take_rest();
  }
  if (!(*spool)->close()) {
    abort();
  }
  auto reader = spool::Reader::open(UniqueFd(again), "fuzz");
  if (!reader || !(*reader)->closed()) {
    abort();  // what we wrote ourselves must read
  }
  const report::ProcessTree tree = report::build_process_tree((*reader)->model());
  if (tree.order.size() != tree.processes.size()) {
    abort();
  }
  report::WriteRequest options;
  options.path = "/dev/null";
  options.settings.workers = 1;
  (void)report::write_json(**reader, options);
  (void)report::write_perfetto(**reader, options);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  const auto field = [](size_t offset) { return static_cast<uint8_t>(offset / sizeof(uint32_t)); };
  const uint8_t kind = field(offsetof(ProcessSlot, kind));
  const uint8_t pid = field(offsetof(ProcessSlot, pid));
  const uint8_t parent = field(offsetof(ProcessSlot, parent_pid));
  const uint8_t start = field(offsetof(ProcessSlot, start_ticks));
  const uint8_t exec = field(offsetof(ProcessSlot, exec_ticks));
  const Step steps[] = {
      // A shell, a fork of it, an exec of that, and deaths.
      {0, 0, kind, 255, VTN_SLOT_IMAGE},
      {0, 0, pid, 255, 50},
      {0, 0, start, 255, 100},
      {0, 0, 0, 255, VTN_SLOT_PRESENT},
      {5, 0, 0, 255, 0},
      {0, 1, kind, 255, VTN_SLOT_FORKED},
      {0, 1, pid, 255, 51},
      {0, 1, parent, 255, 50},
      {0, 1, start, 255, 200},
      {0, 1, exec, 255, 300},
      {0, 1, 0, 255, VTN_SLOT_PRESENT},
      {0, 2, kind, 255, VTN_SLOT_IMAGE},
      {0, 2, pid, 255, 51},
      {0, 2, start, 255, 301},
      {0, 2, 0, 255, VTN_SLOT_TRACING},
      {3, 2, 0, 0, 0},
      {3, 2, 0, 0, 1},
      {0, 3, kind, 255, VTN_SLOT_START},
      {0, 3, pid, 255, 52},
      {0, 3, parent, 255, 50},
      {0, 3, 0, 255, VTN_SLOT_PRESENT},
      {5, 0, 0, 255, 0},
      {4, 0, 0, 0, 1},
      {4, 0, 0, 14, 0},
  };
  return {std::string(reinterpret_cast<const char*>(steps), sizeof(steps)), ""};
}

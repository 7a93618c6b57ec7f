// SPDX-License-Identifier: Apache-2.0
//
// A session in memory for the engine's tests: a control page, an arena, and a reader that shows
// what threads wrote. The reader is the test's own, so that it does not agree with the product's
// decoder by sharing its mistakes.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/event_abi.h"
#include "abi/names_abi.h"
#include "base/freestanding/atomic.h"
#include "subprocess_shim/claim.h"
#include "tests/support/catch.h"
#include "tracer/arena.h"
#include "tracer/engine.h"

namespace vtn::test {

struct ReadEvent {
  uint64_t ticks;
  EventKind kind;
  uint32_t id;
  Opcode opcode = Opcode{};
  std::vector<uint64_t> payload = {};
  uint32_t chunk = 0;
};

using ThreadKey = std::pair<uint32_t, uint32_t>;  // process slot, thread number

class SessionFixture {
 public:
  // `provided_chunks` of each class get memory; the rest stays absent.
  explicit SessionFixture(uint64_t arena_bytes, uint32_t provided_chunks = 0xffff'ffff) {
    const ArenaGeometry geometry = tracer::arena_geometry(arena_bytes);
    void* control = map(kControlBytes);
    auto* page = static_cast<ControlPage*>(control);
    page->geometry = geometry;
    page->magic = kControlMagic;
    page->process_slots = kMaxProcesses;
    page->abi_version = kSessionAbiVersion;
    page->state = static_cast<uint32_t>(SessionState::kRecording);
    arena = tracer::Arena(control, map(geometry.arena_bytes));
    for (const ChunkClass& range : geometry.classes) {
      for (uint32_t i = 0; i < range.count && i < provided_chunks; ++i) {
        tracer::provide_chunk(arena, range.first_chunk + i);
      }
    }
  }

  ~SessionFixture() {
    (void)munmap(arena.control, kControlBytes);
    (void)munmap(arena.base, arena.geometry.arena_bytes);
  }
  SessionFixture(const SessionFixture&) = delete;
  SessionFixture& operator=(const SessionFixture&) = delete;

  uint32_t count_chunks(ChunkState state) const {
    uint32_t count = 0;
    for (uint32_t i = 0; i < arena.geometry.chunk_count; ++i) {
      count += chunk_state(load_acquire(&arena.headers[i].owner)) == state ? 1 : 0;
    }
    return count;
  }

  // All events of all threads, chunk by chunk in the order of their sequence numbers.
  std::map<ThreadKey, std::vector<ReadEvent>> read_events() const {
    std::map<ThreadKey, std::map<uint32_t, uint32_t>> chunks;
    for (uint32_t i = 0; i < arena.geometry.chunk_count; ++i) {
      const uint64_t owner = load_acquire(&arena.headers[i].owner);
      if (holds(owner) && arena.headers[i].kind == static_cast<uint32_t>(ChunkKind::kEvents)) {
        chunks[{chunk_process(owner), chunk_thread(owner)}][arena.headers[i].sequence] = i;
      }
    }
    std::map<ThreadKey, std::vector<ReadEvent>> events;
    for (const auto& [key, ordered] : chunks) {
      for (const auto& [sequence, chunk] : ordered) {
        read_chunk(chunk, &events[key]);
      }
    }
    return events;
  }

  // Texts of function names by process slot and id.
  std::map<std::pair<uint32_t, uint32_t>, std::string> read_names() const {
    std::map<std::pair<uint32_t, uint32_t>, std::string> names;
    for (uint32_t i = 0; i < arena.geometry.chunk_count; ++i) {
      const uint64_t owner = load_acquire(&arena.headers[i].owner);
      if (!holds(owner) || arena.headers[i].kind != static_cast<uint32_t>(ChunkKind::kNames)) {
        continue;
      }
      const uint64_t* words = arena.words(i);
      const uint32_t count = arena.chunk_bytes(i) / 8;
      for (uint32_t at = 0; at < count && words[at] != 0; at += name_record_words(words[at])) {
        if (name_record_type(words[at]) == NameRecord::kFunction) {
          const auto* record = reinterpret_cast<const FunctionRecord*>(words + at + 1);
          names[{chunk_process(owner), record->id}] = std::string(
              reinterpret_cast<const char*>(record + 1), record->name_bytes + record->file_bytes);
        }
      }
    }
    return names;
  }

  tracer::Arena arena;

 private:
  static void* map(uint64_t bytes) {
    return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  }
  static bool holds(uint64_t owner) {
    return chunk_state(owner) == ChunkState::kOwned || chunk_state(owner) == ChunkState::kFull;
  }

  void read_chunk(uint32_t chunk, std::vector<ReadEvent>* events) const {
    const uint64_t* words = arena.words(chunk);
    const uint32_t count = arena.chunk_bytes(chunk) / 8;
    uint64_t base = arena.headers[chunk].base_ticks;
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t word = load_acquire(&words[i]);
      if (word == 0) {
        return;
      }
      ReadEvent event = {base + event_delta(word), event_kind(word), event_id(word)};
      event.chunk = chunk;
      if (event.kind == EventKind::kOpcode) {
        event.opcode = event_opcode(word);
        for (uint32_t p = 0; p < event_payload_words(word); ++p) {
          event.payload.push_back(words[++i]);
        }
        if (event.opcode == Opcode::kResync) {
          base = event.payload.at(0);
          continue;  // not an event: only the base of those that follow
        }
      }
      events->push_back(event);
    }
  }
};

// The word that the shim owns in real life.
inline thread_local tracer::ThreadState* t_word __attribute__((tls_model("initial-exec"))) =
    nullptr;

inline long word_offset() {
  char* thread_pointer;
  __asm__("movq %%fs:0, %0" : "=r"(thread_pointer));
  return reinterpret_cast<char*>(&t_word) - thread_pointer;
}

// Starts the process-wide engine on this session. Once per process: tests that need an engine fork.
inline bool start_engine_for_test(const SessionFixture& session) {
  const tracer::EngineHooks hooks = {.describe_process = [] {},
                                     .look_after = nullptr,
                                     .watch_thread_exit = nullptr,
                                     .process_slot =
                                         [] {
                                           const tracer::Arena& arena = tracer::g_engine.arena;
                                           return vtn_claim_slot(arena.control, arena.processes);
                                         }};
  return tracer::start_engine(session.arena, ClockKind::kTsc, hooks, word_offset());
}

// Runs `body` in a child with an engine of its own. What it recorded is read by the parent.
inline void in_traced_process(const SessionFixture& session, const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {  // no assertion here: Catch would report it twice
    if (!start_engine_for_test(session)) {
      _exit(9);
    }
    body();
    _exit(0);
  }
  REQUIRE(child > 0);
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
}

}  // namespace vtn::test

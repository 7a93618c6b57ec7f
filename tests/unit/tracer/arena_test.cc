// SPDX-License-Identifier: Apache-2.0
#include "tracer/arena.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/unit/tracer/session_fixture.h"

namespace vtn {
namespace {

using test::SessionFixture;

uint32_t claim(const SessionFixture& session, uint32_t chunk_class, uint32_t thread = 0) {
  return tracer::claim_chunk(session.arena, chunk_class, ChunkKind::kEvents, 0, thread, 1, 0, 1);
}

TEST_CASE("arena: the layout fits what was asked and classes do not overlap", "[arena]") {
  for (const uint64_t bytes :
       {tracer::kSmallestArenaBytes, uint64_t{16} << 20, uint64_t{256} << 20}) {
    const ArenaGeometry geometry = tracer::arena_geometry(bytes);
    CHECK(geometry.arena_bytes <= bytes + bytes / 32);
    uint64_t end = uint64_t{geometry.chunk_count} * sizeof(ChunkHeader);
    uint32_t chunks = 0;
    for (uint32_t c = 0; c < kChunkClasses; ++c) {
      CHECK(geometry.classes[c].count >= 1);
      CHECK(geometry.classes[c].first_chunk == chunks);
      CHECK(geometry.classes[c].offset_bytes >= end);
      CHECK(geometry.classes[c].offset_bytes % 4096 == 0);
      chunks += geometry.classes[c].count;
      end = geometry.classes[c].offset_bytes +
            uint64_t{geometry.classes[c].count} * (kSmallestChunkBytes << c);
    }
    CHECK(end == geometry.arena_bytes);
    CHECK(chunks == geometry.chunk_count);
  }
}

TEST_CASE("arena: a claimed chunk is nobody else's until it is recycled", "[arena]") {
  const SessionFixture session(tracer::kSmallestArenaBytes);
  const uint32_t first = claim(session, 0);
  const uint32_t second = claim(session, 0);
  REQUIRE(first != tracer::kNoChunk);
  REQUIRE(second != first);
  session.arena.words(first)[0] = 7;
  tracer::finish_chunk(session.arena, first);
  CHECK(chunk_state(session.arena.headers[first].owner) == ChunkState::kFull);
  tracer::recycle_chunk(session.arena, first);
  CHECK(claim(session, 0) == first);
  CHECK(session.arena.words(first)[0] == 0);
}

TEST_CASE("arena: without memory of the wanted class another class serves", "[arena]") {
  const SessionFixture session(tracer::kSmallestArenaBytes);
  uint32_t claimed = 0;
  while (claim(session, 4, claimed) != tracer::kNoChunk) {
    ++claimed;
  }
  CHECK(claimed == session.arena.geometry.chunk_count);
}

TEST_CASE("arena: absent chunks are never claimed", "[arena]") {
  const SessionFixture session(uint64_t{1} << 20, /*provided_chunks=*/1);
  for (uint32_t i = 0; i < kChunkClasses; ++i) {
    CHECK(claim(session, 0) != tracer::kNoChunk);
  }
  CHECK(claim(session, 0) == tracer::kNoChunk);
}

// Workers claim, write and finish as fast as they can and are killed wherever they happen to be;
// the reader recycles what is full or what a dead worker left. At the end every chunk can be had.
TEST_CASE("arena: 2,000 workers killed while they claim leave every chunk usable", "[arena]") {
  const SessionFixture session(tracer::kSmallestArenaBytes);
  const tracer::Arena& arena = session.arena;
  for (uint32_t worker = 0; worker < 2000; ++worker) {
    const pid_t child = fork();
    if (child == 0) {
      for (uint32_t sequence = 0;; ++sequence) {
        const uint32_t chunk = tracer::claim_chunk(
            arena, sequence % kChunkClasses, ChunkKind::kEvents, worker, 0, 1, 0, 1);
        if (chunk == tracer::kNoChunk) {
          continue;
        }
        arena.words(chunk)[0] = 1;
        if (sequence % 3 != 0) {
          tracer::finish_chunk(arena, chunk);
        }
      }
    }
    REQUIRE(child > 0);
    (void)usleep(static_cast<useconds_t>(rand() % 200));
    (void)kill(child, SIGKILL);
    (void)waitpid(child, nullptr, 0);
    for (uint32_t i = 0; i < arena.geometry.chunk_count; ++i) {
      if (chunk_state(load_acquire(&arena.headers[i].owner)) != ChunkState::kFree) {
        tracer::recycle_chunk(arena, i);
      }
    }
  }
  uint32_t claimed = 0;
  while (claim(session, 0) != tracer::kNoChunk) {
    ++claimed;
  }
  CHECK(claimed == arena.geometry.chunk_count);
}

TEST_CASE("arena: threads that claim at once never share a chunk", "[arena]") {
  const SessionFixture session(uint64_t{4} << 20);
  const tracer::Arena& arena = session.arena;
  std::vector<std::atomic<uint32_t>> owners(arena.geometry.chunk_count);
  std::vector<std::thread> threads;
  std::atomic<uint32_t> shared{0};
  for (uint32_t t = 1; t <= 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20000; ++i) {
        const uint32_t chunk = tracer::claim_chunk(arena, 0, ChunkKind::kEvents, 0, t, t, 0, 1);
        if (chunk == tracer::kNoChunk) {
          continue;
        }
        if (owners[chunk].exchange(t) != 0) {
          ++shared;
        }
        store_release(arena.words(chunk), uint64_t{t});
        if (owners[chunk].exchange(0) != t) {
          ++shared;
        }
        tracer::finish_chunk(arena, chunk);
        tracer::recycle_chunk(arena, chunk);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(shared == 0);
}

}  // namespace
}  // namespace vtn

// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>

#include "report/json/writer.h"
#include "report/perfetto/writer.h"
#include "tests/support/recording.h"

namespace vtn::test {

TEST_CASE("drain: full chunks are taken and given back, names first", "[drain]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  FakeThread thread = process.thread(7);
  uint64_t ticks = 0;
  for (int i = 0; i < 100; ++i) {
    const uint32_t f = process.python("function " + std::to_string(i));
    for (int k = 0; k < 100; ++k) {
      thread.enter(ticks += 10, f);
      thread.leave(ticks += 10, f);
    }
    run.drain->pass();
  }
  CHECK(run.chunks_in(ChunkState::kFull) == 0);
  CHECK(run.chunks_in(ChunkState::kOwned) == 2);
  thread.finish();
  auto spool = run.read();
  CHECK(spool->model().threads.at(0).calls == 10'000);
  CHECK(spool->model().images.at(0).functions.size() == 100);
  CHECK_FALSE(spool->model().images.at(0).damaged);
}

TEST_CASE("drain: a dead process gives all its chunks and its slot back", "[drain]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t f = process.python("f");
  std::vector<FakeThread> threads;
  for (uint32_t i = 0; i < 50; ++i) {
    threads.push_back(process.thread(100 + i));
    threads.back().enter(10, f);
  }
  // Claimed, but killed before it wrote what for.
  run.arena.headers[run.arena.geometry.chunk_count - 1].owner =
      chunk_owner(ChunkState::kOwned, process.slot(), 3);
  run.arena.processes[process.slot()].lost_events = 12;
  run.drain->pass();
  run.kill(0);
  CHECK(run.chunks_in(ChunkState::kFree) == run.arena.geometry.chunk_count);
  CHECK(run.arena.processes[process.slot()].state == static_cast<uint32_t>(ProcessState::kUnused));
  // The slot's next owner is another image.
  FakeProcess second(run, 8, 2);
  CHECK(second.slot() == process.slot());
  FakeThread thread = second.thread(8);
  thread.enter(20, second.python("g"));
  auto spool = run.read();
  REQUIRE(spool->model().images.size() == 2);
  CHECK((spool->model().images[0].end.flags & spool::kImageDied) != 0);
  CHECK(spool->model().threads.size() == 51);
  CHECK(spool::totals_of(spool->model()).lost_events == 12);
}

TEST_CASE("drain: chunks of a thread that come out of order are put in order", "[drain]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t f = process.python("f");
  const auto claim = [&](uint32_t sequence, uint64_t base, EventKind kind) {
    const uint32_t chunk =
        tracer::claim_chunk(run.arena, 0, ChunkKind::kEvents, process.slot(), 0, 7, sequence, base);
    run.arena.words(chunk)[0] = event_word(0, kind, f);
    return chunk;
  };
  const uint32_t first = claim(0, 100, EventKind::kEnter);
  const uint32_t second = claim(1, 200, EventKind::kLeave);
  tracer::finish_chunk(run.arena, second);  // seen full while the first was not yet
  run.drain->pass();
  tracer::finish_chunk(run.arena, first);
  run.drain->pass();
  auto spool = run.read();
  REQUIRE(spool->model().threads.size() == 1);
  CHECK(spool->model().threads[0].calls == 1);
  CHECK(spool->model().threads[0].open.empty());
  CHECK(spool->model().threads[0].stray_ends == 0);
}

TEST_CASE("drain: names are read whole while they are being written", "[drain]") {
  constexpr uint32_t kNames = 100'000;
  Recording run(64u << 20);
  FakeProcess process(run, 7, 1);
  std::atomic<bool> ready = false;
  std::atomic<bool> written = false;
  std::thread writer([&] {
    while (!ready) {
    }
    for (uint32_t i = 0; i < kNames; ++i) {
      process.python("a function with the number " + std::to_string(i));
    }
    written = true;
  });
  ready = true;
  while (!written) {
    run.drain->pass();
  }
  writer.join();
  auto spool = run.read();
  const auto& image = spool->model().images.at(0);
  uint32_t wrong = 0;
  for (uint32_t i = 0; i < kNames; ++i) {
    const auto* function = image.function(kFirstNameId + i);
    REQUIRE(function != nullptr);
    wrong += function->name == "a function with the number " + std::to_string(i) ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("drain: any bytes in headers, slots, names and words do no harm", "[drain]") {
  uint64_t seed = 12345;
  const auto random = [&] {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 16;
  };
  for (int round = 0; round < 20; ++round) {
    Recording run(1u << 20);
    FakeProcess process(run, 7, 1);
    const uint32_t f = process.python("f");
    FakeThread thread = process.thread(7);
    for (int i = 0; i < 2000; ++i) {
      thread.enter(static_cast<uint64_t>(i) * 10, f);
    }
    for (int i = 0; i < 300; ++i) {
      const auto chunk = static_cast<uint32_t>(random() % run.arena.geometry.chunk_count);
      auto* header = reinterpret_cast<uint64_t*>(&run.arena.headers[chunk]);
      switch (random() % 4) {
        case 0:
          header[random() % 4] = random() * random();
          break;
        case 1:
          header[0] = chunk_owner(ChunkState::kFull,
                                  static_cast<uint32_t>(random() % 3),
                                  static_cast<uint32_t>(random() % 3));
          run.arena.headers[chunk].kind = static_cast<uint32_t>(random() % 3);
          break;
        case 2:
          run.arena.words(chunk)[random() % 16] =
              random() % 3 == 0 ? random() * random() : random() % 64;
          break;
        default: {
          auto* slot = reinterpret_cast<uint32_t*>(&run.arena.processes[random() % 4]);
          slot[random() % 24] = static_cast<uint32_t>(random() % 3 == 0 ? random() : random() % 7);
          run.arena.control->process_high_water = 4;
          break;
        }
      }
      if (i % 50 == 0) {
        run.drain->pass();
      }
    }
    run.kill(static_cast<uint32_t>(random() % 4));
    auto spool = run.read();
    report::WriteRequest options;
    options.settings.workers = 2;
    options.path = run.folder.file("r.json");
    REQUIRE(report::write_json(*spool, options).has_value());
    options.path = run.folder.file("r.pftrace");
    REQUIRE(report::write_perfetto(*spool, options).has_value());
  }
}

}  // namespace vtn::test

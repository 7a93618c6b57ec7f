// SPDX-License-Identifier: Apache-2.0
#include "tracer/arena.h"

#include "base/freestanding/atomic.h"
#include "base/freestanding/syscalls.h"

namespace vtn::tracer {

namespace {

constexpr uint64_t kPageBytes = 4096;

constexpr uint64_t round_up(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// Sixteenths of the arena per class: a quarter for idle threads, most for busy ones.
constexpr uint32_t kClassShare[kChunkClasses] = {4, 1, 1, 2, 8};

uint32_t claim_in_class(const Arena& arena, uint32_t chunk_class, uint64_t owner) {
  const ChunkClass& range = arena.geometry.classes[chunk_class];
  // From the front, always: what was recycled last is warm, and what was never used stays absent.
  for (uint32_t i = 0; i < range.count; ++i) {
    ChunkHeader& header = arena.headers[range.first_chunk + i];
    uint64_t seen = load_relaxed(&header.owner);
    if (chunk_state(seen) == ChunkState::kAbsent) {
      return kNoChunk;  // memory is provided front to back
    }
    if (chunk_state(seen) == ChunkState::kFree && compare_swap(&header.owner, &seen, owner)) {
      return range.first_chunk + i;
    }
  }
  return kNoChunk;
}

}  // namespace

ArenaGeometry arena_geometry(uint64_t arena_bytes) {
  ArenaGeometry geometry = {};
  for (uint32_t c = 0; c < kChunkClasses; ++c) {
    const uint64_t chunk_bytes = uint64_t{kSmallestChunkBytes} << c;
    const uint64_t count = arena_bytes / 16 * kClassShare[c] / chunk_bytes;
    geometry.classes[c].count = count == 0 ? 1 : static_cast<uint32_t>(count);
    geometry.classes[c].first_chunk = geometry.chunk_count;
    geometry.chunk_count += geometry.classes[c].count;
  }
  uint64_t offset = round_up(uint64_t{geometry.chunk_count} * sizeof(ChunkHeader), kPageBytes);
  for (uint32_t c = 0; c < kChunkClasses; ++c) {
    geometry.classes[c].offset_bytes = offset;
    offset += uint64_t{geometry.classes[c].count} * (uint64_t{kSmallestChunkBytes} << c);
  }
  geometry.arena_bytes = offset;
  return geometry;
}

Arena::Arena(void* control_mapping, void* arena_mapping)
    : control(static_cast<ControlPage*>(control_mapping)),
      processes(
          reinterpret_cast<ProcessSlot*>(static_cast<char*>(control_mapping) + kControlHeadBytes)),
      switched_off(reinterpret_cast<SwitchedOff*>(static_cast<char*>(control_mapping) + kSlotsEnd)),
      headers(static_cast<ChunkHeader*>(arena_mapping)),
      base(static_cast<char*>(arena_mapping)),
      geometry(control->geometry) {}

uint32_t Arena::class_of(uint32_t chunk) const {
  uint32_t c = kChunkClasses - 1;
  while (c > 0 && chunk < geometry.classes[c].first_chunk) {
    --c;
  }
  return c;
}

uint64_t* Arena::words(uint32_t chunk) const {
  const ChunkClass& range = geometry.classes[class_of(chunk)];
  return reinterpret_cast<uint64_t*>(base + range.offset_bytes +
                                     uint64_t{chunk - range.first_chunk} * chunk_bytes(chunk));
}

uint32_t Arena::chunk_bytes(uint32_t chunk) const { return kSmallestChunkBytes << class_of(chunk); }

uint32_t claim_chunk(const Arena& arena,
                     uint32_t chunk_class,
                     ChunkKind kind,
                     uint32_t process,
                     uint32_t thread,
                     uint32_t tid,
                     uint32_t sequence,
                     uint64_t base_ticks) {
  const uint64_t owner = chunk_owner(ChunkState::kOwned, process, thread);
  uint32_t chunk = claim_in_class(arena, chunk_class, owner);
  uint32_t found_class = chunk_class;
  for (uint32_t c = kChunkClasses; chunk == kNoChunk && c-- > 0;) {
    found_class = c;
    chunk = claim_in_class(arena, c, owner);
  }
  if (chunk == kNoChunk) {
    return kNoChunk;
  }
  ChunkHeader& header = arena.headers[chunk];
  header.base_ticks = base_ticks;
  header.sequence = sequence;
  header.tid = tid;
  header.size_bytes = kSmallestChunkBytes << found_class;
  // A chunk without a kind has no contents: its owner died right after the claim.
  store_release(&header.kind, static_cast<uint32_t>(kind));
  return chunk;
}

void finish_chunk(const Arena& arena, uint32_t chunk) {
  uint64_t* owner = &arena.headers[chunk].owner;
  const uint64_t seen = load_relaxed(owner);
  // Release: pairs with the collector's acquire load of the owner word.
  store_release(owner, chunk_owner(ChunkState::kFull, chunk_process(seen), chunk_thread(seen)));
  add_release(&arena.control->full_chunks, uint32_t{1});
  if (load_relaxed(&arena.control->collector_waiting) != VTN_COLLECTOR_AWAKE) {
    futex_wake(&arena.control->full_chunks, 1);
  }
}

void recycle_chunk(const Arena& arena, uint32_t chunk) {
  ChunkHeader& header = arena.headers[chunk];
  uint64_t* words = arena.words(chunk);
  const uint64_t count = arena.chunk_bytes(chunk) / sizeof(*words);
  for (uint64_t i = 0; i < count; ++i) {
    words[i] = 0;
  }
  header.base_ticks = 0;
  header.sequence = 0;
  header.tid = 0;
  store_relaxed(&header.kind, uint32_t{0});
  // Release: pairs with the claim's compare-and-swap, whose winner finds zeroed memory.
  store_release(&header.owner, chunk_owner(ChunkState::kFree, 0, 0));
  add_release(&arena.control->freed_chunks, uint32_t{1});
  if (load_relaxed(&arena.control->waiting_producers) != 0) {
    futex_wake(&arena.control->freed_chunks, 1 << 30);
  }
}

void provide_chunk(const Arena& arena, uint32_t chunk) {
  store_release(&arena.headers[chunk].owner, chunk_owner(ChunkState::kFree, 0, 0));
  add_release(&arena.control->freed_chunks, uint32_t{1});
  if (load_relaxed(&arena.control->waiting_producers) != 0) {
    futex_wake(&arena.control->freed_chunks, 1 << 30);
  }
}

}  // namespace vtn::tracer

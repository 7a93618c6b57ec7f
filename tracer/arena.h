// SPDX-License-Identifier: Apache-2.0
//
// The arena: chunks of shared memory that traced threads claim, fill and give back.
//
//   absent --provide_chunk--> free --claim_chunk--> owned --finish_chunk--> full
//                               ^                     |                       |
//                               +---- recycle_chunk --+ (owner is dead) ------+
//
// A claim is one compare-and-swap of the chunk's own header, so there is no list that a SIGKILL
// could leave broken. Producers (in traced processes) claim and finish; the collector provides and
// recycles. Freestanding. Thread-safe, process-safe and child-safe unless said otherwise.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "abi/session_abi.h"

namespace vtn::tracer {

// Lays an arena of about `arena_bytes` out. Never more than asked, at least one chunk of each
// class.
ArenaGeometry arena_geometry(uint64_t arena_bytes);
inline constexpr uint64_t kSmallestArenaBytes = 512 * 1024;

// A mapped session. Borrowed by everything else; trivially copyable. The geometry is a private
// copy, taken before the program runs, so that a scribbled control page misleads nobody.
struct Arena {
  ControlPage* control = nullptr;
  ProcessSlot* processes = nullptr;
  SwitchedOff* switched_off = nullptr;  // may have no memory (control_abi.h)
  ChunkHeader* headers = nullptr;
  char* base = nullptr;  // of the arena file's mapping
  ArenaGeometry geometry = {};

  Arena() = default;
  Arena(void* control_mapping, void* arena_mapping);

  // The chunk's memory and size. `chunk` must be below geometry.chunk_count.
  uint64_t* words(uint32_t chunk) const;
  uint32_t chunk_bytes(uint32_t chunk) const;

 private:
  uint32_t class_of(uint32_t chunk) const;
};

inline constexpr uint32_t kNoChunk = 0xffff'ffff;

// Claims a free chunk for (process, thread), of class `chunk_class` or else of the next best.
// Fills the header, kind last. kNoChunk when nothing is free. Producer side.
uint32_t claim_chunk(const Arena& arena,
                     uint32_t chunk_class,
                     ChunkKind kind,
                     uint32_t process,
                     uint32_t thread,
                     uint32_t tid,
                     uint32_t sequence,
                     uint64_t base_ticks);

// The owner is done with the chunk: owned -> full, and the collector is told. Producer side.
void finish_chunk(const Arena& arena, uint32_t chunk);

// Zeroes the chunk and frees it; producers that wait are woken. Collector side: the chunk must be
// full, or its owner dead.
void recycle_chunk(const Arena& arena, uint32_t chunk);

// The chunk has memory now (zeroed): absent -> free. Collector side.
void provide_chunk(const Arena& arena, uint32_t chunk);

}  // namespace vtn::tracer

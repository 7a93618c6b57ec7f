// SPDX-License-Identifier: Apache-2.0
#include "session/arena_provision.h"

#include <algorithm>

#include <errno.h>
#include <fcntl.h>

#include "base/freestanding/atomic.h"

namespace vtn::session {

namespace {

constexpr uint32_t kFirstBytesPerClass = 400u * 1024;  // five classes: about 2 MiB
constexpr uint32_t kFallocateBatchBytes = 4u << 20;    // one system call, and what a retry loses

ChunkState state_of(const tracer::Arena& arena, uint32_t chunk) {
  return chunk_state(load_relaxed(&arena.headers[chunk].owner));
}

}  // namespace

ArenaProvision::ArenaProvision(const tracer::Arena& arena, int arena_fd)
    : arena_(arena), arena_fd_(arena_fd) {
  for (uint32_t c = 0; c < kChunkClasses; ++c) {
    const ChunkClass& range = arena.geometry.classes[c];
    while (provided_[c] < range.count &&
           state_of(arena, range.first_chunk + provided_[c]) != ChunkState::kAbsent) {
      ++provided_[c];
    }
  }
}

Status ArenaProvision::provide(uint32_t chunk_class, uint32_t count) {
  const ChunkClass& range = arena_.geometry.classes[chunk_class];
  const uint64_t chunk_bytes = uint64_t{kSmallestChunkBytes} << chunk_class;
  const uint32_t batch_chunks = static_cast<uint32_t>(kFallocateBatchBytes / chunk_bytes);
  uint32_t& provided = provided_[chunk_class];
  count = std::min(count, range.count);
  while (provided < count) {
    if (exhausted_) {
      return fail_errno("cannot provide more memory for the trace", ENOSPC);
    }
    const uint32_t batch = std::min(count - provided, batch_chunks);
    const int code =
        posix_fallocate(arena_fd_,
                        static_cast<off_t>(range.offset_bytes + provided * chunk_bytes),
                        static_cast<off_t>(batch * chunk_bytes));
    if (code == EINTR) {
      continue;
    }
    if (code != 0) {
      exhausted_ = true;
      return fail_errno("cannot provide more memory for the trace", code);
    }
    for (uint32_t i = 0; i < batch; ++i) {
      tracer::provide_chunk(arena_, range.first_chunk + provided);
      ++provided;
    }
  }
  return {};
}

Status ArenaProvision::provide_first() {
  for (uint32_t c = 0; c < kChunkClasses; ++c) {
    VTN_TRY(provide(c, std::max(1u, kFirstBytesPerClass / (kSmallestChunkBytes << c))));
  }
  return {};
}

Status ArenaProvision::top_up() {
  if (exhausted_) {
    return {};
  }
  for (uint32_t c = 0; c < kChunkClasses; ++c) {
    const ChunkClass& range = arena_.geometry.classes[c];
    const uint32_t provided = provided_[c];
    if (provided == range.count) {
      continue;
    }
    // Producers claim from the front, so what is free lies at the back: looking from there ends
    // soon, unless there is need.
    const uint32_t wanted = std::max(1u, provided / 4);
    uint32_t free = 0;
    for (uint32_t i = provided; i-- > 0 && free < wanted;) {
      if (state_of(arena_, range.first_chunk + i) == ChunkState::kFree) {
        ++free;
      }
    }
    if (free < wanted) {
      VTN_TRY(provide(c, provided * 2));
    }
  }
  return {};
}

uint64_t ArenaProvision::provided_bytes() const {
  uint64_t bytes = 0;
  for (uint32_t c = 0; c < kChunkClasses; ++c) {
    bytes += uint64_t{provided_[c]} * (kSmallestChunkBytes << c);
  }
  return bytes;
}

SlotProvision::SlotProvision(const tracer::Arena& arena, int control_fd)
    : arena_(arena),
      control_fd_(control_fd),
      provided_(std::min(load_relaxed(&arena.control->process_slots), kMaxProcesses)) {}

Status SlotProvision::top_up(uint32_t slots_in_use) {
  if (exhausted_ || provided_ == kMaxProcesses || slots_in_use <= provided_ / 2) {
    return {};
  }
  const uint32_t wanted = std::min(std::max(provided_ * 2, kFirstProcessSlots), kMaxProcesses);
  const uint64_t begin = kControlHeadBytes + uint64_t{provided_} * sizeof(ProcessSlot);
  const uint64_t bytes = uint64_t{wanted - provided_} * sizeof(ProcessSlot);
  int code = EINTR;
  while (code == EINTR) {
    code = posix_fallocate(control_fd_, static_cast<off_t>(begin), static_cast<off_t>(bytes));
  }
  if (code != 0) {
    exhausted_ = true;
    return fail_errno("cannot provide memory for more processes", code);
  }
  provided_ = wanted;
  // Release: pairs with the claim's acquire load; what it finds has memory.
  store_release(&arena_.control->process_slots, wanted);
  return {};
}

}  // namespace vtn::session

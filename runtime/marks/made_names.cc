// SPDX-License-Identifier: Apache-2.0
#include "runtime/marks/made_names.h"

#include "base/freestanding/lock.h"
#include "base/freestanding/pages.h"
#include "runtime/entry/process.h"
#include "tracer/engine.h"

namespace vtn::runtime {

namespace {

constexpr uint64_t kSeed = 5;
constexpr size_t kFirstRoom = 4096;  // a power of two

struct {
  uint64_t* hashes;  // 0: an empty place
  size_t room;
  size_t used;
  uint64_t epoch;  // a forked child has names of its own
  uint32_t made_by_libraries;
} g_names;

uint64_t hash_of(tracer::Text name) { return tracer::hash_text(name, kSeed) | 1; }

uint64_t* place_of(uint64_t* hashes, size_t room, uint64_t hash) {
  size_t at = (hash >> 1) & (room - 1);
  while (hashes[at] != 0 && hashes[at] != hash) {
    at = (at + 1) & (room - 1);
  }
  return &hashes[at];
}

void heed_fork() {
  if (g_names.epoch != tracer::g_engine.epoch) {
    if (g_names.hashes != nullptr) {
      unmap_pages(g_names.hashes, g_names.room * sizeof(uint64_t));
    }
    g_names = {nullptr, 0, 0, tracer::g_engine.epoch, 0};
  }
}

bool make_room() {
  if (2 * (g_names.used + 1) <= g_names.room) {
    return true;
  }
  const size_t room = g_names.room == 0 ? kFirstRoom : 2 * g_names.room;
  auto* const hashes = static_cast<uint64_t*>(map_pages(room * sizeof(uint64_t)));
  if (hashes == nullptr) {
    return false;
  }
  for (size_t i = 0; i < g_names.room; ++i) {
    if (g_names.hashes[i] != 0) {
      *place_of(hashes, room, g_names.hashes[i]) = g_names.hashes[i];
    }
  }
  if (g_names.hashes != nullptr) {
    unmap_pages(g_names.hashes, g_names.room * sizeof(uint64_t));
  }
  g_names.hashes = hashes;
  g_names.room = room;
  return true;
}

bool is_known(uint64_t hash) {
  return g_names.room != 0 && *place_of(g_names.hashes, g_names.room, hash) == hash;
}

bool know(uint64_t hash) {
  if (!make_room()) {
    return false;
  }
  uint64_t* const place = place_of(g_names.hashes, g_names.room, hash);
  g_names.used += *place == 0 ? 1 : 0;
  *place = hash;
  return true;
}

}  // namespace

bool is_known_mark_name(tracer::Text name) {
  const WordLock lock(&runtime_root()->comments_lock);
  heed_fork();
  return is_known(hash_of(name));
}

bool know_mark_name(tracer::Text name) {
  const WordLock lock(&runtime_root()->comments_lock);
  heed_fork();
  return know(hash_of(name));
}

bool library_may_name(tracer::Text name) {
  const WordLock lock(&runtime_root()->comments_lock);
  heed_fork();
  if (is_known(hash_of(name))) {
    return true;
  }
  if (g_names.made_by_libraries == kMostMadeNames || !know(hash_of(name))) {
    return false;
  }
  ++g_names.made_by_libraries;
  return true;
}

}  // namespace vtn::runtime

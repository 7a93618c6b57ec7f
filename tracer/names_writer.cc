// SPDX-License-Identifier: Apache-2.0
#include "tracer/names_writer.h"

#include "abi/event_abi.h"
#include "base/freestanding/atomic.h"
#include "base/freestanding/lock.h"
#include "base/freestanding/pages.h"
#include "base/freestanding/syscalls.h"

namespace vtn::tracer {

// What is interned: hashes only. Two texts with one 64-bit hash would share an id; with four
// million names, the most there can be, the odds are below one in a million.
struct NameEntry {
  uint64_t hash;  // 0: empty
  uint32_t id;
  uint32_t reserved;
};

namespace {

constexpr uint64_t kFirstTableEntries = 1024;
constexpr uint64_t kRoomWaitNs = 1'000'000'000;

void copy_bytes(char* to, const void* from, size_t bytes) { __builtin_memcpy(to, from, bytes); }

// At most `limit` bytes, not in the middle of a character.
Text cut(Text text, size_t limit) {
  if (text.bytes <= limit) {
    return text;
  }
  size_t bytes = limit;
  while (bytes > 0 && (static_cast<unsigned char>(text.data[bytes]) & 0xc0) == 0x80) {
    --bytes;
  }
  return {text.data, bytes};
}

// A chunk of names with `words` to spare. The lock is held. Waits a while for the collector: names
// are what a trace is worth.
bool make_room(ProcessRoot* root, uint64_t words) {
  if (root->names_cursor != nullptr &&
      static_cast<uint64_t>(root->names_end - root->names_cursor) >= words) {
    return true;
  }
  const Arena& arena = g_engine.arena;
  if (root->process >= kMaxProcesses) {
    return false;
  }
  if (root->names_cursor != nullptr) {
    finish_chunk(arena, root->names_chunk);
    root->names_cursor = root->names_end = nullptr;
  }
  const uint64_t began = read_ticks(ClockKind::kMonotonic);
  for (;;) {
    const uint32_t freed = load_acquire(&arena.control->freed_chunks);
    const uint32_t chunk = claim_chunk(arena,
                                       root->names_class,
                                       ChunkKind::kNames,
                                       root->process,
                                       /*thread=*/0,
                                       /*tid=*/0,
                                       root->names_sequence,
                                       read_ticks(g_engine.clock));
    if (chunk != kNoChunk) {
      root->names_chunk = chunk;
      ++root->names_sequence;
      if (root->names_class + 1 < kChunkClasses) {
        ++root->names_class;
      }
      root->names_cursor = arena.words(chunk);
      root->names_end = root->names_cursor + arena.chunk_bytes(chunk) / sizeof(uint64_t);
      return true;
    }
    if (load_relaxed(&arena.control->state) != static_cast<uint32_t>(SessionState::kRecording) ||
        read_ticks(ClockKind::kMonotonic) - began > kRoomWaitNs) {
      return false;
    }
    add_relaxed(&arena.control->waiting_producers, uint32_t{1});
    futex_wake(&arena.control->full_chunks, 1);
    futex_wait(&arena.control->freed_chunks, freed, kRoomWaitNs / 20);
    add_relaxed(&arena.control->waiting_producers, ~uint32_t{0});
  }
}

bool publish_locked(ProcessRoot* root,
                    NameRecord type,
                    const void* fixed,
                    size_t fixed_bytes,
                    const Text (&texts)[3]) {
  const size_t bytes = fixed_bytes + texts[0].bytes + texts[1].bytes + texts[2].bytes;
  const uint64_t words = 1 + (bytes + 7) / 8;
  if (!make_room(root, words)) {
    return false;
  }
  char* to = reinterpret_cast<char*>(root->names_cursor + 1);
  copy_bytes(to, fixed, fixed_bytes);
  to += fixed_bytes;
  for (const Text& text : texts) {
    if (text.bytes != 0) {
      copy_bytes(to, text.data, text.bytes);
      to += text.bytes;
    }
  }
  // Release: the collector reads a record once its head is there.
  store_release(root->names_cursor, name_record_head(type, static_cast<uint32_t>(words)));
  root->names_cursor += words;
  return true;
}

// The table's place for `hash`: its entry or the empty one where it belongs.
NameEntry* find_entry(NameEntry* table, uint64_t capacity, uint64_t hash) {
  uint64_t slot = hash & (capacity - 1);
  while (table[slot].hash != 0 && table[slot].hash != hash) {
    slot = (slot + 1) & (capacity - 1);
  }
  return &table[slot];
}

bool grow_table(ProcessRoot* root) {
  const uint64_t capacity = root->table == nullptr ? kFirstTableEntries : root->table_capacity * 2;
  auto* table = static_cast<NameEntry*>(map_pages(capacity * sizeof(NameEntry)));
  if (table == nullptr) {
    return false;
  }
  for (uint64_t i = 0; i < root->table_capacity; ++i) {
    if (root->table[i].hash != 0) {
      *find_entry(table, capacity, root->table[i].hash) = root->table[i];
    }
  }
  if (root->table != nullptr) {
    unmap_pages(root->table, root->table_capacity * sizeof(NameEntry));
  }
  root->table = table;
  root->table_capacity = capacity;
  return true;
}

// The lock is held.
bool publish_function(
    ProcessRoot* root, NameRecord type, uint32_t id, const Function& function, uint32_t flags) {
  const FunctionRecord record = {.id = id,
                                 .kind = function.kind,
                                 .line = function.line,
                                 .name_bytes = static_cast<uint32_t>(function.name.bytes),
                                 .file_bytes = static_cast<uint32_t>(function.file.bytes),
                                 .flags = flags};
  const Text texts[3] = {function.name, function.file, {}};
  return publish_locked(root, type, &record, sizeof(record), texts);
}

// The function's id, or kIdHidden for each that is told of so.
uint32_t intern(Function function, NameRecord type) {
  ensure_process();
  function.name = cut(function.name, kMaxNameBytes);
  function.file = cut(function.file, kMaxNameBytes);
  const uint64_t seed = (uint64_t{function.line} << 16) | (uint64_t{function.flags} << 8) |
                        (static_cast<uint64_t>(type) << 4) | static_cast<uint32_t>(function.kind);
  uint64_t hash = hash_text(function.file, hash_text(function.name, seed));
  if (hash == 0) {
    hash = 1;
  }
  ProcessRoot* root = g_engine.root;
  const WordLock lock(&root->lock);
  if (root->table_entries * uint64_t{2} >= root->table_capacity && !grow_table(root)) {
    return kIdTooManyNames;
  }
  NameEntry* entry = find_entry(root->table, root->table_capacity, hash);
  if (entry->hash != 0) {
    return entry->id;
  }
  const bool hidden = type == NameRecord::kHidden;
  const bool resumed_too = (function.flags & kFunctionResumed) != 0;
  const uint32_t first_flags = function.flags & ~uint32_t{kFunctionResumed};
  const uint32_t id = hidden ? uint32_t{kIdHidden} : root->next_id;
  const uint32_t ids = hidden ? 0 : resumed_too ? 2 : 1;
  if ((!hidden && (kMaxNameId - id < ids - 1 || id > kMaxNameId)) ||
      !publish_function(root, type, id, function, first_flags)) {
    return kIdTooManyNames;
  }
  root->next_id += ids;
  if (ids == 2 && !publish_function(root, type, id + 1, function, function.flags)) {
    return kIdTooManyNames;
  }
  entry->hash = hash;
  entry->id = id;
  ++root->table_entries;
  return id;
}

}  // namespace

uint64_t hash_text(Text text, uint64_t seed) {
  constexpr uint64_t kPrime = 0x9e37'79b9'7f4a'7c15u;
  uint64_t hash = (seed ^ text.bytes) * kPrime;
  size_t i = 0;
  for (; i + 8 <= text.bytes; i += 8) {
    uint64_t word;
    __builtin_memcpy(&word, text.data + i, 8);
    hash = (hash ^ word) * kPrime;
    hash ^= hash >> 29;
  }
  uint64_t rest = 0;
  for (size_t shift = 0; i < text.bytes; ++i, shift += 8) {
    rest |= static_cast<uint64_t>(static_cast<unsigned char>(text.data[i])) << shift;
  }
  hash = (hash ^ rest) * kPrime;
  hash ^= hash >> 32;
  hash *= kPrime;
  return hash ^ (hash >> 29);
}

uint32_t intern_function(const Function& function) {
  return intern(function, NameRecord::kFunction);
}

void tell_hidden(const Function& function) { (void)intern(function, NameRecord::kHidden); }

bool publish_record(
    NameRecord type, const void* fixed, size_t fixed_bytes, Text first, Text second, Text third) {
  ensure_process();
  const Text texts[3] = {first, second, third};
  const WordLock lock(&g_engine.root->lock);
  return publish_locked(g_engine.root, type, fixed, fixed_bytes, texts);
}

bool publish_text(NameRecord type, uint32_t key, Text text) {
  text = cut(text, kMaxNameBytes);
  const TextRecord record = {key, static_cast<uint32_t>(text.bytes)};
  return publish_record(type, &record, sizeof(record), text);
}

void forget_names(ProcessRoot* root) {
  if (root->table != nullptr) {
    __builtin_memset(root->table, 0, root->table_capacity * sizeof(NameEntry));
  }
  root->table_entries = 0;
  root->names_chunk = root->names_sequence = root->names_class = 0;
  root->names_cursor = root->names_end = nullptr;
}

}  // namespace vtn::tracer

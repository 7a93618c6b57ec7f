// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/code_table.h"

#include "base/freestanding/atomic.h"
#include "base/freestanding/lock.h"
#include "base/freestanding/pages.h"
#include "runtime/entry/process.h"
#include "tracer/engine.h"

namespace vtn::runtime {

namespace {

// `used` counts those that are gone, too: they go when the table is replaced.
struct Table {
  uint64_t capacity;  // a power of two
  uint64_t used;
  CodeIdentity* entries[1];
};

constexpr uint64_t kFirstCapacity = 4096;

Table* g_table;
CodeIdentity g_gone;

uint64_t table_bytes(uint64_t capacity) {
  return sizeof(Table) + (capacity - 1) * sizeof(Table::entries);
}

uint64_t place_of(const Table& table, const void* code) {
  constexpr uint64_t kPrime = 0x9e37'79b9'7f4a'7c15u;
  const uint64_t hash = (reinterpret_cast<uintptr_t>(code) >> 4) * kPrime;
  return (hash >> 32) & (table.capacity - 1);
}

// The entry that holds the code, or null. At most half of the table is in use.
CodeIdentity** entry_of(Table* table, const void* code) {
  if (table == nullptr) {
    return nullptr;
  }
  for (uint64_t at = place_of(*table, code);; at = (at + 1) & (table->capacity - 1)) {
    CodeIdentity** entry = &table->entries[at];
    if (*entry == nullptr) {
      return nullptr;
    }
    if (*entry != &g_gone && (*entry)->code == code) {
      return entry;
    }
  }
}

void put(Table* table, const void* code, CodeIdentity* identity) {
  uint64_t at = place_of(*table, code);
  while (table->entries[at] != nullptr) {
    at = (at + 1) & (table->capacity - 1);
  }
  ++table->used;
  store_release(&table->entries[at], identity);
}

bool make_room() {
  Table* const old = g_table;
  if (old != nullptr && old->used < old->capacity / 2) {
    return true;
  }
  uint64_t living = 0;
  for (uint64_t i = 0; old != nullptr && i < old->capacity; ++i) {
    living += old->entries[i] != nullptr && old->entries[i] != &g_gone ? 1 : 0;
  }
  uint64_t capacity = kFirstCapacity;
  while (living >= capacity / 4) {
    capacity *= 2;
  }
  auto* table = static_cast<Table*>(map_pages(table_bytes(capacity)));
  if (table == nullptr) {
    return false;
  }
  table->capacity = capacity;
  for (uint64_t i = 0; old != nullptr && i < old->capacity; ++i) {
    if (old->entries[i] != nullptr && old->entries[i] != &g_gone) {
      put(table, old->entries[i]->code, old->entries[i]);
    }
  }
  store_release(&g_table, table);
  if (old != nullptr) {
    unmap_pages(old, table_bytes(old->capacity));
  }
  return true;
}

}  // namespace

CodeIdentity* find_in_code_table(const void* code) {
  const WordLock lock(&runtime_root()->identities_lock);
  CodeIdentity** entry = entry_of(g_table, code);
  return entry == nullptr ? nullptr : *entry;
}

bool add_to_code_table(const void* code, CodeIdentity* identity) {
  const WordLock lock(&runtime_root()->identities_lock);
  if (!make_room()) {
    return false;
  }
  identity->code = code;
  put(g_table, code, identity);
  return true;
}

CodeIdentity* take_out_of_code_table(const void* code) {
  const WordLock lock(&runtime_root()->identities_lock);
  CodeIdentity** entry = entry_of(g_table, code);
  if (entry == nullptr) {
    return nullptr;
  }
  CodeIdentity* const identity = *entry;
  store_release(entry, &g_gone);
  return identity;
}

}  // namespace vtn::runtime

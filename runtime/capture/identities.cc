// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/identities.h"

#include "base/freestanding/lock.h"
#include "base/freestanding/pages.h"
#include "runtime/entry/process.h"

namespace vtn::runtime {

namespace {

constexpr size_t kBlockBytes = 64 * 1024;

// Never given back.
struct Block {
  static constexpr size_t kIdentities = kBlockBytes / sizeof(CodeIdentity) - 1;

  Block* next;
  CodeIdentity identities[kIdentities];
};
static_assert(sizeof(Block) <= kBlockBytes);

struct {
  Block* blocks;
  CodeIdentity* free;
} g_identities;

}  // namespace

CodeIdentity* take_identity() {
  const WordLock lock(&runtime_root()->identities_lock);
  if (g_identities.free == nullptr) {
    auto* block = static_cast<Block*>(map_pages(kBlockBytes));
    if (block == nullptr) {
      return nullptr;
    }
    block->next = g_identities.blocks;
    g_identities.blocks = block;
    for (CodeIdentity& identity : block->identities) {
      identity.next_free = g_identities.free;
      g_identities.free = &identity;
    }
  }
  CodeIdentity* identity = g_identities.free;
  g_identities.free = identity->next_free;
  return identity;
}

// Interpreters with a GIL each share the list.
void give_identity(CodeIdentity* identity) {
  const WordLock lock(&runtime_root()->identities_lock);
  identity->next_free = g_identities.free;
  g_identities.free = identity;
}

void visit_identities(void (*visit)(CodeIdentity* identity, void* argument), void* argument) {
  Block* block = nullptr;
  {
    const WordLock lock(&runtime_root()->identities_lock);
    block = g_identities.blocks;
  }
  for (; block != nullptr; block = block->next) {
    for (CodeIdentity& identity : block->identities) {
      visit(&identity, argument);
    }
  }
}

}  // namespace vtn::runtime

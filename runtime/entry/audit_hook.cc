// SPDX-License-Identifier: Apache-2.0
#include "runtime/entry/audit_hook.h"

#include "base/freestanding/lock.h"
#include "runtime/entry/process.h"

namespace vtn::runtime {

namespace {

// A node of CPython's list of audit hooks: next, function, user data. It has to come from the raw
// allocator, but that may be another one by the time the interpreter frees it (-X dev,
// PYTHONMALLOC=debug): so it is our own memory, handed out and taken back by a stand-in.
alignas(16) uintptr_t g_hook_node[8];

struct {
  bool node_given;
  bool kept;
  bool linked;
  uintptr_t* head;  // of the list; null: not found
  PyAllocator allocator;
  void (*free_before)(void*, void*);
} g_hook;

void* allocate_node(void*, size_t bytes) {
  if (!g_hook.node_given && bytes <= sizeof(g_hook_node)) {
    g_hook.node_given = true;
    return g_hook_node;
  }
  return g_hook.allocator.malloc(g_hook.allocator.context, bytes);
}

void free_but_node(void* context, void* block) {
  if (block != g_hook_node) {
    g_hook.free_before(context, block);
  }
}

// The list's head is the one word of _PyRuntime that holds our node's address; with somebody's hook
// before ours there is no such word.
uintptr_t* find_head() {
  if (!g_hook.node_given || g_python._PyRuntime == nullptr) {
    return nullptr;
  }
  auto* words = static_cast<uintptr_t*>(const_cast<void*>(g_python._PyRuntime));
  const size_t count = g_python.runtime_state_bytes / sizeof(uintptr_t);
  for (size_t i = 0; i < count; ++i) {
    if (words[i] == reinterpret_cast<uintptr_t>(g_hook_node)) {
      return &words[i];
    }
  }
  return nullptr;
}

}  // namespace

bool add_audit_hook(PyAuditFunction hook) {
  g_python.PyMem_GetAllocator(kAllocatorRaw, &g_hook.allocator);
  PyAllocator stand_in = g_hook.allocator;
  stand_in.malloc = allocate_node;
  g_python.PyMem_SetAllocator(kAllocatorRaw, &stand_in);
  const int result = g_python.PySys_AddAuditHook(hook, nullptr);
  g_python.PyMem_SetAllocator(kAllocatorRaw, &g_hook.allocator);
  g_hook.linked = result == 0;
  return g_hook.linked;
}

bool unlink_audit_hook() {
  const WordLock lock(&runtime_root()->audit_hook_lock);
  if (!g_hook.linked) {
    return true;
  }
  if (g_hook.head == nullptr) {
    g_hook.head = find_head();
  }
  if (g_hook.kept) {
    return true;
  }
  if (g_hook.head == nullptr || *g_hook.head != reinterpret_cast<uintptr_t>(g_hook_node)) {
    return false;
  }
  *g_hook.head = g_hook_node[0];  // what comes behind us stays
  g_hook.linked = false;
  return true;
}

void keep_audit_hook() { g_hook.kept = true; }

void link_audit_hook() {
  const WordLock lock(&runtime_root()->audit_hook_lock);
  if (g_hook.linked || g_hook.head == nullptr) {
    return;
  }
  g_hook_node[0] = *g_hook.head;
  *g_hook.head = reinterpret_cast<uintptr_t>(g_hook_node);
  g_hook.linked = true;
}

void survive_clearing() {
  g_hook.linked = false;
  if (!g_hook.node_given) {
    return;
  }
  PyAllocator allocator;
  g_python.PyMem_GetAllocator(kAllocatorRaw, &allocator);
  if (allocator.free != free_but_node) {
    g_hook.free_before = allocator.free;
    allocator.free = free_but_node;
    g_python.PyMem_SetAllocator(kAllocatorRaw, &allocator);
  }
}

}  // namespace vtn::runtime

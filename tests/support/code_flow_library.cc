// SPDX-License-Identifier: Apache-2.0
//
// runtime/variables/code_flow.h for ctypes: tests/e2e/code_flow_test.py compares it, within each
// interpreter, with what the `dis` module knows.
#include <string.h>

#include "runtime/variables/code_flow.h"

namespace {

struct Row {
  uint32_t offset;
  uint32_t step;
  uint32_t index;
  uint32_t depth;
  uint32_t below;
  uint32_t owner_kind;
  uint32_t owner_index;
  uint32_t marks;  // 1: restores; 2: is the end of a handler
};

struct Rows {
  Row* rows;
  uint32_t room;
  uint32_t count;
};

}  // namespace

extern "C" {

// How many there are; -1: the code is not understood.
__attribute__((visibility("default"))) int vtn_test_find_stores(uint32_t minor,
                                                                const char* code,
                                                                size_t bytes,
                                                                const char* handlers,
                                                                size_t handler_bytes,
                                                                uint32_t stack_size,
                                                                int begins_resumed,
                                                                void* effect,
                                                                Row* rows,
                                                                uint32_t room) {
  using namespace vtn::runtime;
  const CodeText text = {reinterpret_cast<const unsigned char*>(code),
                         bytes,
                         reinterpret_cast<const unsigned char*>(handlers),
                         handler_bytes,
                         stack_size,
                         begins_resumed != 0};
  Rows to = {rows, room, 0};
  const bool understood = find_stores(
      minor,
      text,
      reinterpret_cast<StackEffect>(effect),
      [](const FoundStore& store, void* argument) {
        auto* all = static_cast<Rows*>(argument);
        if (all->count < all->room) {
          all->rows[all->count] = {
              store.offset,
              static_cast<uint32_t>(store.step),
              store.index,
              store.depth,
              store.below,
              static_cast<uint32_t>(store.owner.kind),
              store.owner.index,
              (store.restores ? 1u : 0u) | (store.is_end_of_handler ? 2u : 0u)};
        }
        ++all->count;
      },
      &to);
  return understood ? static_cast<int>(to.count) : -1;
}

}  // extern "C"

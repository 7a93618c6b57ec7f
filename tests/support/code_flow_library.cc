// SPDX-License-Identifier: Apache-2.0
//
// runtime/variables/code_flow.h, code_lines.h and comments.h for ctypes:
// tests/e2e/code_flow_test.py compares them, within each interpreter, with what the modules `dis`
// and `tokenize` know.
#include <string.h>

#include "runtime/variables/code_flow.h"
#include "runtime/variables/code_lines.h"
#include "runtime/variables/comments.h"

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

struct WayRow {
  uint32_t from;
  uint32_t to;
  uint32_t kind;
};

struct LineRow {
  uint32_t first;
  uint32_t last;
  uint32_t indent;
};

template <class Row>
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
                                                                uint32_t first_cell,
                                                                void* effect,
                                                                Row* rows,
                                                                uint32_t room) {
  using namespace vtn::runtime;
  const CodeText text = {reinterpret_cast<const unsigned char*>(code),
                         bytes,
                         reinterpret_cast<const unsigned char*>(handlers),
                         handler_bytes,
                         stack_size,
                         begins_resumed != 0,
                         first_cell};
  Rows<Row> to = {rows, room, 0};
  const bool understood = find_stores(
      minor,
      text,
      reinterpret_cast<StackEffect>(effect),
      [](const FoundStore& store, void* argument) {
        auto* all = static_cast<Rows<Row>*>(argument);
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

// Likewise.
__attribute__((visibility("default"))) int vtn_test_find_ways(uint32_t minor,
                                                              const char* code,
                                                              size_t bytes,
                                                              const char* handlers,
                                                              size_t handler_bytes,
                                                              uint32_t stack_size,
                                                              int begins_resumed,
                                                              uint32_t first_cell,
                                                              void* effect,
                                                              WayRow* rows,
                                                              uint32_t room) {
  using namespace vtn::runtime;
  const CodeText text = {reinterpret_cast<const unsigned char*>(code),
                         bytes,
                         reinterpret_cast<const unsigned char*>(handlers),
                         handler_bytes,
                         stack_size,
                         begins_resumed != 0,
                         first_cell};
  Rows<WayRow> to = {rows, room, 0};
  const bool understood = find_ways(
      minor,
      text,
      reinterpret_cast<StackEffect>(effect),
      [](const FoundWay& way, void* argument) {
        auto* all = static_cast<Rows<WayRow>*>(argument);
        if (all->count < all->room) {
          all->rows[all->count] = {way.from, way.to, static_cast<uint32_t>(way.kind)};
        }
        ++all->count;
      },
      &to);
  return understood ? static_cast<int>(to.count) : -1;
}

__attribute__((visibility("default"))) void vtn_test_code_lines(uint32_t minor,
                                                                const char* table,
                                                                size_t bytes,
                                                                uint32_t first,
                                                                uint32_t* lines,
                                                                size_t units) {
  vtn::runtime::read_code_lines(
      minor, reinterpret_cast<const unsigned char*>(table), bytes, first, lines, units);
}

// `counts`: of the logical lines, and of the comments. There is room for all.
__attribute__((visibility("default"))) void vtn_test_find_comments(
    const char* source, size_t bytes, LineRow* rows, uint32_t* lines, uint32_t* counts) {
  using namespace vtn::runtime;
  SourceComments found = find_comments({source, bytes});
  for (uint32_t i = 0; i < found.line_count; ++i) {
    rows[i] = {found.lines[i].first, found.lines[i].last, found.lines[i].indent};
  }
  for (uint32_t i = 0; i < found.comment_count; ++i) {
    lines[i] = found.comments[i].line;
  }
  counts[0] = found.line_count;
  counts[1] = found.comment_count;
  free_comments(&found);
}

}  // extern "C"

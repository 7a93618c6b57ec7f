// SPDX-License-Identifier: Apache-2.0
#include "runtime/python/code_extra.h"

#include <string.h>

#include "base/freestanding/atomic.h"
#include "runtime/python/layout.h"

namespace vtn::runtime {

namespace {

// _PyCodeObjectExtra, the same from 3.6 to 3.15.
struct Block {
  PySize count;
  void* words[1];
};

constexpr PySize kMostCodeWords = 64;

// In bytes; 0: not found yet. Interpreters with a GIL each find the same.
PySize g_block_offset;

PySize code_words() {
  const PyRef bytes =
      PyRef::steal(g_python.PyObject_GetAttrString(g_python.PyCode_Type, "__basicsize__"));
  const PySize words = bytes ? g_python.PyLong_AsLong(bytes.get()) / PySize{sizeof(void*)} : 0;
  return words > kMostCodeWords ? kMostCodeWords : words;
}

bool is_ours(const Block* block, PySize index, const void* extra) {
  return block != nullptr && block->count > index && block->words[index] == extra;
}

// The one word that was null and is the block's address now; 0: there is none.
PySize changed_word(
    const PyObject* code, void* const* before, PySize words, PySize index, const void* extra) {
  PySize found = 0;
  for (PySize i = kHeadBytes / PySize{sizeof(void*)}; i < words; ++i) {
    const PySize offset = i * PySize{sizeof(void*)};
    if (field<void*>(code, offset) == before[i]) {
      continue;
    }
    if (found != 0 || before[i] != nullptr) {
      return 0;
    }
    found = offset;
  }
  return found != 0 && is_ours(field<Block*>(code, found), index, extra) ? found : 0;
}

}  // namespace

void* code_extra(PyObject* code, PySize index) {
  void* extra = nullptr;
  (void)g_python._PyCode_GetExtra(code, index, &extra);
  return extra;
}

bool set_code_extra(PyObject* code, PySize index, void* extra) {
  PySize offset = load_relaxed(&g_block_offset);
  if (offset != 0) {
    const bool marked_before = field<Block*>(code, offset) != nullptr;
    if (g_python._PyCode_SetExtra(code, index, extra) != 0) {
      return false;
    }
    if (marked_before) {
      return true;
    }
  } else {
    void* before[kMostCodeWords];
    const PySize words = code_words();
    memcpy(before, code, static_cast<size_t>(words) * sizeof(void*));
    if (g_python._PyCode_SetExtra(code, index, extra) != 0) {
      return false;
    }
    offset = changed_word(code, before, words, index, extra);
    if (offset == 0) {
      return true;
    }
    store_relaxed(&g_block_offset, offset);
  }
  auto* block = field<Block*>(code, offset);
  if (is_ours(block, index, extra)) {
    block->count = index + 1;
  }
  return true;
}

}  // namespace vtn::runtime

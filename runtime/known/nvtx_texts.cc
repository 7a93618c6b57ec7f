// SPDX-License-Identifier: Apache-2.0
#include "runtime/known/nvtx_texts.h"

#include <string.h>

#include "base/freestanding/lock.h"
#include "base/freestanding/pages.h"
#include "runtime/entry/process.h"

namespace vtn::runtime {

namespace {

constexpr size_t kBlockBytes = 64 * 1024;

struct KeptText {
  const KeptText* next;
  NvtxTextKind kind;
  uint32_t category;
  const void* domain;
  size_t bytes;
  char data[8];  // so many
};

struct {
  const KeptText* newest;
  char* unused;
  char* unused_end;
} g_texts;

template <class Test>
const KeptText* find(Test&& test) {
  for (const KeptText* one = g_texts.newest; one != nullptr; one = one->next) {
    if (test(*one)) {
      return one;
    }
  }
  return nullptr;
}

KeptText* take_room(size_t bytes) {
  const size_t needed = (offsetof(KeptText, data) + bytes + 7) / 8 * 8;
  if (static_cast<size_t>(g_texts.unused_end - g_texts.unused) < needed) {
    auto* const block = static_cast<char*>(map_pages(kBlockBytes));
    if (block == nullptr) {
      return nullptr;
    }
    g_texts.unused = block;
    g_texts.unused_end = block + kBlockBytes;
  }
  auto* const room = reinterpret_cast<KeptText*>(g_texts.unused);
  g_texts.unused += needed;
  return room;
}

}  // namespace

const void* keep_nvtx_text(NvtxTextKind kind,
                           tracer::Text text,
                           const void* domain,
                           uint32_t category) {
  if (text.bytes > kMaxNameBytes) {
    text.bytes = kMaxNameBytes;
  }
  const WordLock lock(&runtime_root()->nvtx_lock);
  const KeptText* const known = find([&](const KeptText& one) {
    return one.kind == kind && one.domain == domain && one.category == category &&
           one.bytes == text.bytes && memcmp(one.data, text.data, text.bytes) == 0;
  });
  if (known != nullptr) {
    return known;
  }
  KeptText* const kept = take_room(text.bytes);
  if (kept != nullptr) {
    kept->next = g_texts.newest;
    kept->kind = kind;
    kept->category = category;
    kept->domain = domain;
    kept->bytes = text.bytes;
    memcpy(kept->data, text.data, text.bytes);
    g_texts.newest = kept;
  }
  return kept;
}

tracer::Text nvtx_text(NvtxTextKind kind, const void* kept) {
  const auto* const text = static_cast<const KeptText*>(kept);
  return text != nullptr && text->kind == kind ? tracer::Text{text->data, text->bytes}
                                               : tracer::Text{};
}

tracer::Text nvtx_category(const void* domain, uint32_t category) {
  const WordLock lock(&runtime_root()->nvtx_lock);
  return nvtx_text(NvtxTextKind::kCategory, find([&](const KeptText& one) {
                     return one.kind == NvtxTextKind::kCategory && one.domain == domain &&
                            one.category == category;
                   }));
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/open_frames.h"

#include "base/freestanding/atomic.h"
#include "base/freestanding/lock.h"
#include "base/freestanding/pages.h"
#include "runtime/entry/interpreters.h"
#include "runtime/entry/process.h"

namespace vtn::runtime {

namespace {

constexpr uint64_t kMostCodes = 512;
constexpr uint64_t kPlaces = 2 * kMostCodes;
constexpr uint64_t kFirstFrames = 256;
// In place of a frame, which has an even address far from zero.
constexpr uintptr_t kFree = 0;
constexpr uintptr_t kGone = 2;
constexpr uintptr_t kDoubtful = 1;

// `code` is written last: what it leads to is touched by the code's own interpreter alone.
struct Entry {
  const void* code;  // null: free, and was never anything else; kGoneCode: free again
  OpenCode* open;
  const PyInterp* interpreter;
};

struct Codes {
  uint64_t count;
  Entry entries[kPlaces];
};

Codes* g_codes;
const void* const kGoneCode = &g_codes;

uint64_t hash_of(const void* address, uint64_t places) {
  constexpr uint64_t kPrime = 0x9e37'79b9'7f4a'7c15u;
  return ((reinterpret_cast<uintptr_t>(address) >> 3) * kPrime >> 32) & (places - 1);
}

uint64_t bytes_for(uint64_t capacity) {
  return sizeof(OpenCode) + (capacity - 1) * sizeof(OpenCode::frames);
}

// The place of the frame; null: it is not there.
const uintptr_t* place_of(const OpenCode* open, const void* frame) {
  const auto wanted = reinterpret_cast<uintptr_t>(frame);
  for (uint64_t at = hash_of(frame, open->capacity);; at = (at + 1) & (open->capacity - 1)) {
    const uintptr_t found = open->frames[at];
    if (found == kFree) {
      return nullptr;
    }
    if (found != kGone && (found & ~kDoubtful) == wanted) {
      return &open->frames[at];
    }
  }
}

uintptr_t* place_of(OpenCode* open, const void* frame) {
  return const_cast<uintptr_t*>(place_of(static_cast<const OpenCode*>(open), frame));
}

void put(OpenCode* open, uintptr_t frame) {
  const auto* address = reinterpret_cast<const void*>(frame & ~kDoubtful);
  uint64_t at = hash_of(address, open->capacity);
  while (open->frames[at] != kFree) {
    at = (at + 1) & (open->capacity - 1);
  }
  open->frames[at] = frame;
  ++open->used;
  ++open->living;
  open->doubtful += frame & kDoubtful;
}

OpenCode* make(const void* code, const CodeIds& ids, uintptr_t begin_end, uint64_t capacity) {
  auto* open = static_cast<OpenCode*>(map_pages(bytes_for(capacity)));
  if (open != nullptr) {
    open->code = code;
    open->ids = ids;
    open->is_new = true;
    open->begin_end = begin_end;
    open->capacity = capacity;
  }
  return open;
}

// Interpreters with a GIL each share the codes.
Entry* entry_of(const void* code) {
  uint64_t at = hash_of(code, kPlaces);
  for (uint64_t tried = 0; tried < kPlaces; ++tried, at = (at + 1) & (kPlaces - 1)) {
    Entry* const entry = &g_codes->entries[at];
    const void* const found = load_acquire(&entry->code);
    if (found == nullptr) {
      return nullptr;
    }
    if (found == code) {
      return entry;
    }
  }
  return nullptr;
}

}  // namespace

bool start_open_frames() {
  if (g_codes == nullptr) {
    g_codes = static_cast<Codes*>(map_wiped_pages(sizeof(Codes)));
  }
  return g_codes != nullptr;
}

bool any_open_frames() { return g_codes != nullptr && load_relaxed(&g_codes->count) != 0; }

OpenCode* open_frames_of(const void* code) {
  const Entry* const entry = any_open_frames() ? entry_of(code) : nullptr;
  return entry == nullptr || entry->interpreter != current_interpreter() ? nullptr : entry->open;
}

OpenCode* begin_open_frames(const void* code, const CodeIds& ids, uintptr_t begin_end) {
  const WordLock lock(&runtime_root()->open_frames_lock);
  if (g_codes == nullptr || g_codes->count >= kMostCodes) {
    return nullptr;
  }
  if (g_codes->count == 0) {
    *g_codes = {};  // none of what is gone has to be passed any more
  }
  uint64_t at = hash_of(code, kPlaces);
  while (g_codes->entries[at].code != nullptr && g_codes->entries[at].code != kGoneCode) {
    at = (at + 1) & (kPlaces - 1);  // half of them are free
  }
  OpenCode* const open = make(code, ids, begin_end, kFirstFrames);
  if (open != nullptr) {
    g_codes->entries[at].open = open;
    g_codes->entries[at].interpreter = current_interpreter();
    store_release(&g_codes->entries[at].code, code);
    store_relaxed(&g_codes->count, g_codes->count + 1);
  }
  return open;
}

OpenCode* add_open_frame(OpenCode* open, const void* frame, bool doubtful) {
  if (open->used >= open->capacity / 2) {
    OpenCode* const larger = make(open->code, open->ids, open->begin_end, open->capacity * 2);
    if (larger == nullptr) {
      end_open_frames(open);
      return nullptr;
    }
    for (uint64_t i = 0; i < open->capacity; ++i) {
      if (open->frames[i] != kFree && open->frames[i] != kGone) {
        put(larger, open->frames[i]);
      }
    }
    entry_of(open->code)->open = larger;
    unmap_pages(open, bytes_for(open->capacity));
    open = larger;
  }
  put(open, reinterpret_cast<uintptr_t>(frame) | (doubtful ? kDoubtful : 0));
  return open;
}

bool is_open_frame(const OpenCode* open, const void* frame) {
  return place_of(open, frame) != nullptr;
}

void settle_open_frame(OpenCode* open, const void* frame) {
  uintptr_t* const place = open->doubtful == 0 ? nullptr : place_of(open, frame);
  if (place != nullptr) {
    open->doubtful -= *place & kDoubtful;
    *place &= ~kDoubtful;
  }
}

void drop_open_frame(OpenCode* open, const void* frame) {
  uintptr_t* const place = place_of(open, frame);
  if (place == nullptr) {
    return;
  }
  open->doubtful -= *place & kDoubtful;
  *place = kGone;
  if (--open->living == 0) {
    end_open_frames(open);
  }
}

void end_open_frames(OpenCode* open) {
  const WordLock lock(&runtime_root()->open_frames_lock);
  if (Entry* const entry = entry_of(open->code)) {
    store_release(&entry->code, kGoneCode);
    store_relaxed(&g_codes->count, g_codes->count - 1);
    unmap_pages(open, bytes_for(open->capacity));
  }
}

void forget_open_frames() {
  if (g_codes == nullptr) {
    return;
  }
  for (const Entry& entry : g_codes->entries) {
    if (entry.code != nullptr && entry.code != kGoneCode &&
        entry.interpreter == current_interpreter()) {
      end_open_frames(entry.open);
    }
  }
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
#include "collector/named_values.h"

#include <algorithm>

#include <string.h>

#include "abi/event_abi.h"

namespace vtn::collector {

namespace {

constexpr size_t kIdBytes = sizeof(uint32_t);
constexpr size_t kStampBytes = sizeof(uint64_t);

// With its length in front: two are the same if these are.
std::string_view name_of(std::string_view pair) {
  uint16_t length = 0;
  if (pair.size() < sizeof(length)) {
    return {};
  }
  memcpy(&length, pair.data(), sizeof(length));
  return pair.substr(0, sizeof(length) + length);
}

}  // namespace

bool NamedValues::put(std::string_view pair) {
  const auto known = std::find_if(pairs_.begin(), pairs_.end(), [&](const std::string& one) {
    return name_of(one) == name_of(pair);
  });
  const size_t bytes = bytes_ + pair.size() - (known == pairs_.end() ? 0 : known->size());
  if (bytes > kMaxNoteBytes) {
    return false;
  }
  bytes_ = bytes;
  if (known == pairs_.end()) {
    pairs_.emplace_back(pair);
  } else {
    *known = pair;
  }
  return true;
}

std::string NamedValues::bytes() const {
  std::string all;
  for (const std::string& pair : pairs_) {
    all += pair;
  }
  return all;
}

uint32_t take_function(std::string_view& bytes) {
  uint32_t id = kIdNone;
  if (bytes.size() >= kIdBytes) {
    memcpy(&id, bytes.data() + bytes.size() - kIdBytes, kIdBytes);
    bytes.remove_suffix(kIdBytes);
  }
  return id;
}

uint32_t function_of(std::span<const uint64_t> note) {
  constexpr size_t kHeadWords = 2;
  const uint64_t bytes = note.size() < kHeadWords ? 0 : note_bytes(note[1]);
  if (bytes < kStampBytes || bytes > (note.size() - kHeadWords) * sizeof(uint64_t)) {
    return kIdNone;
  }
  std::string_view text(reinterpret_cast<const char*>(note.data() + kHeadWords), bytes);
  text.remove_prefix(kStampBytes);
  return take_function(text);
}

void make_instant(std::span<uint64_t> note) {
  note[0] = note_word(event_delta(note[0]), NoteKind::kInstant, event_payload_words(note[0]));
  note[1] -= note_key(0, kIdBytes);
}

}  // namespace vtn::collector

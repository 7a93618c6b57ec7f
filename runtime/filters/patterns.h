// SPDX-License-Identifier: Apache-2.0
//
// The patterns that were asked for, as they stand in the session's settings: read where they lie,
// in any number.
#pragma once

#include "abi/settings_abi.h"
#include "runtime/entry/process.h"

namespace vtn::runtime {

// Calls `visit` with each record that is whole, in the order given.
template <class Visit>
void for_each_setting(Visit&& visit) {
  const Settings settings = session_settings();
  for (const vtn_setting* record = settings.begin;
       reinterpret_cast<const char*>(record) < settings.end &&
       vtn_setting_is_whole(record, settings.end);
       record = vtn_next_setting(record, settings.end)) {
    visit(*record);
  }
}

// Calls `visit` with the key and the text of each that is a text, and not an empty one.
template <class Visit>
void for_each_text_setting(Visit&& visit) {
  for_each_setting([&](const vtn_setting& record) {
    const char* const text = reinterpret_cast<const char*>(&record + 1);
    if (record.bytes > 1 && text[record.bytes - 1] == 0) {
      visit(record.key, text);
    }
  });
}

// The same of patterns alone.
template <class Visit>
void for_each_pattern(Visit&& visit) {
  for_each_text_setting([&](uint32_t key, const char* pattern) {
    if (key >= VTN_SETTING_FIRST_FILTER && key <= VTN_SETTING_LAST_FILTER) {
      visit(key, pattern);
    }
  });
}

// The last setting with that key if it is a number, else `otherwise`.
inline uint32_t number_setting(uint32_t key, uint32_t otherwise) {
  for_each_setting([&](const vtn_setting& record) {
    if (record.key == key && record.bytes == sizeof(otherwise)) {
      __builtin_memcpy(&otherwise, &record + 1, sizeof(otherwise));
    }
  });
  return otherwise;
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/wishes.h"

#include <string.h>

#include "abi/settings_abi.h"
#include "base/freestanding/pages.h"
#include "base/freestanding/regex.h"
#include "runtime/filters/patterns.h"

namespace vtn::runtime {

namespace {

struct Wish {
  uint32_t key;
  vtn_regex expression;
};

struct {
  bool started;
  Wish* wishes;
  size_t count;
} g_wishes;

template <class Visit>
void for_each_expression(Visit&& visit) {
  for_each_text_setting([&](uint32_t key, const char* text) {
    if (key >= VTN_SETTING_FIRST_LOG && key <= VTN_SETTING_LAST_LOG) {
      visit(key, text);
    }
  });
}

bool is_wanted(uint32_t key, tracer::Text name) {
  for (size_t i = 0; i < g_wishes.count; ++i) {
    const Wish& wish = g_wishes.wishes[i];
    if (wish.key == key && vtn_regex_matches(&wish.expression, name.data, name.bytes) != 0) {
      return true;
    }
  }
  return false;
}

bool is_made_up(tracer::Text name) {
  constexpr const char* kNames[] = {
      "__classcell__", "__classdict__", "__classdictcell__", "__conditional_annotations__"};
  if (name.bytes == 0 || name.data[0] == '.') {
    return true;
  }
  for (const char* made_up : kNames) {
    if (name.bytes == strlen(made_up) && memcmp(name.data, made_up, name.bytes) == 0) {
      return true;
    }
  }
  return false;
}

}  // namespace

void start_wishes() {
  if (g_wishes.started) {
    return;
  }
  g_wishes.started = true;
  size_t count = 0;
  for_each_expression([&](uint32_t, const char*) { ++count; });
  if (count == 0) {
    return;
  }
  g_wishes.wishes = static_cast<Wish*>(map_pages(count * sizeof(Wish)));
  if (g_wishes.wishes == nullptr) {
    return;
  }
  for_each_expression([&](uint32_t key, const char* text) {
    Wish& wish = g_wishes.wishes[g_wishes.count];
    wish.key = key;
    // The launcher has compiled it before.
    if (g_wishes.count < count && vtn_regex_compile(&wish.expression, text) == nullptr) {
      ++g_wishes.count;
    }
  });
}

bool variables_wanted() { return g_wishes.count != 0; }

bool bindings_wanted() {
  for (size_t i = 0; i < g_wishes.count; ++i) {
    if (g_wishes.wishes[i].key != VTN_SETTING_LOG_ENTRIES_OF) {
      return true;
    }
  }
  return false;
}

uint8_t wishes_of_variable(tracer::Text name) {
  if (is_made_up(name)) {
    return 0;
  }
  return static_cast<uint8_t>((is_wanted(VTN_SETTING_LOG_VARIABLE, name) ? kAsInstant : 0) |
                              (is_wanted(VTN_SETTING_LOG_NUMBER, name) ? kAsCounter : 0));
}

uint8_t wishes_of_attribute(tracer::Text name) {
  return is_wanted(VTN_SETTING_LOG_ATTRIBUTE, name) ? uint8_t{kAsInstant} : uint8_t{0};
}

bool all_stores_wanted(tracer::Text name, tracer::Text qualified) {
  return is_wanted(VTN_SETTING_LOG_STORES_OF, name) ||
         is_wanted(VTN_SETTING_LOG_STORES_OF, qualified);
}

bool entries_wanted(tracer::Text name, tracer::Text qualified) {
  return is_wanted(VTN_SETTING_LOG_ENTRIES_OF, name) ||
         is_wanted(VTN_SETTING_LOG_ENTRIES_OF, qualified);
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/wishes.h"

#include <string.h>

#include "abi/settings_abi.h"
#include "runtime/entry/process.h"
#include "runtime/filters/expressions.h"

namespace vtn::runtime {

namespace {

struct {
  bool any;
  bool bindings;
  bool comments;
} g_wishes;

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
  start_expressions();
  g_wishes.comments = session_option(kOptionMagicComments);
  g_wishes.any = g_wishes.comments || has_expression(VTN_SETTING_FIRST_LOG, VTN_SETTING_LAST_LOG);
  g_wishes.bindings =
      g_wishes.comments || has_expression(VTN_SETTING_LOG_VARIABLE, VTN_SETTING_LOG_STORES_OF);
}

bool variables_wanted() { return g_wishes.any; }

bool bindings_wanted() { return g_wishes.bindings; }

bool comments_wanted() { return g_wishes.comments; }

uint8_t wishes_of_variable(tracer::Text name) {
  if (is_made_up(name)) {
    return 0;
  }
  return static_cast<uint8_t>((meets_expression(VTN_SETTING_LOG_VARIABLE, name) ? kAsInstant : 0) |
                              (meets_expression(VTN_SETTING_LOG_NUMBER, name) ? kAsCounter : 0));
}

uint8_t wishes_of_attribute(tracer::Text name) {
  return meets_expression(VTN_SETTING_LOG_ATTRIBUTE, name) ? uint8_t{kAsInstant} : uint8_t{0};
}

bool all_stores_wanted(tracer::Text name, tracer::Text qualified) {
  return meets_expression(VTN_SETTING_LOG_STORES_OF, name) ||
         meets_expression(VTN_SETTING_LOG_STORES_OF, qualified);
}

bool entries_wanted(tracer::Text name, tracer::Text qualified) {
  return meets_expression(VTN_SETTING_LOG_ENTRIES_OF, name) ||
         meets_expression(VTN_SETTING_LOG_ENTRIES_OF, qualified);
}

}  // namespace vtn::runtime

// SPDX-License-Identifier: Apache-2.0
#include "runtime/filters/expressions.h"

#include "base/freestanding/pages.h"
#include "base/freestanding/regex.h"
#include "runtime/filters/patterns.h"

namespace vtn::runtime {

namespace {

struct Expression {
  uint32_t key;
  vtn_regex regex;
};

struct {
  bool started;
  Expression* expressions;
  size_t count;
} g_expressions;

template <class Visit>
void for_each_expression(Visit&& visit) {
  for_each_text_setting([&](uint32_t key, const char* text) {
    if (key >= VTN_SETTING_LOG_AUDIT && key <= VTN_SETTING_LAST_LOG) {
      visit(key, text);
    }
  });
}

}  // namespace

void start_expressions() {
  if (g_expressions.started) {
    return;
  }
  g_expressions.started = true;
  size_t count = 0;
  for_each_expression([&](uint32_t, const char*) { ++count; });
  if (count == 0) {
    return;
  }
  g_expressions.expressions = static_cast<Expression*>(map_pages(count * sizeof(Expression)));
  if (g_expressions.expressions == nullptr) {
    return;
  }
  for_each_expression([&](uint32_t key, const char* text) {
    Expression& one = g_expressions.expressions[g_expressions.count];
    one.key = key;
    // The launcher has compiled it before.
    if (g_expressions.count < count && vtn_regex_compile(&one.regex, text) == nullptr) {
      ++g_expressions.count;
    }
  });
}

bool has_expression(uint32_t first, uint32_t last) {
  for (size_t i = 0; i < g_expressions.count; ++i) {
    const uint32_t key = g_expressions.expressions[i].key;
    if (key >= first && key <= last) {
      return true;
    }
  }
  return false;
}

bool meets_expression(uint32_t key, tracer::Text name) {
  for (size_t i = 0; i < g_expressions.count; ++i) {
    const Expression& one = g_expressions.expressions[i];
    if (one.key == key && vtn_regex_matches(&one.regex, name.data, name.bytes) != 0) {
      return true;
    }
  }
  return false;
}

}  // namespace vtn::runtime

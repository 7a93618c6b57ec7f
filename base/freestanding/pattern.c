/* SPDX-License-Identifier: Apache-2.0 */
#include "base/freestanding/pattern.h"

#include <stddef.h>

/* A place in a text that is spread over several strings. */
typedef struct {
  const char* at;
  char* const* more;
} place;

static int at_end(const place* p) { return *p->at == 0 && (p->more == NULL || *p->more == NULL); }

/* Not at the end. */
static char letter(const place* p) { return (char)(*p->at == 0 ? ' ' : *p->at); }

static void advance(place* p) {
  if (*p->at == 0) {
    p->at = *p->more++;
  } else {
    ++p->at;
  }
}

/* `set` is behind its '['. Returns what is behind its ']', or NULL if that is missing: then the
 * '[' stands for itself. */
static const char* match_set(const char* set, char wanted, int* matches) {
  const int negated = *set == '!' || *set == '^';
  int found = 0;
  set += negated;
  for (int first = 1; first || *set != ']'; first = 0) {
    if (*set == '\\' && set[1] != 0) {
      ++set;
    }
    if (*set == 0) {
      return NULL;
    }
    const unsigned char low = (unsigned char)*set++;
    unsigned char high = low;
    if (*set == '-' && set[1] != ']' && set[1] != 0) {
      high = (unsigned char)set[1];
      set += 2;
    }
    found |= low <= (unsigned char)wanted && (unsigned char)wanted <= high;
  }
  *matches = found != negated;
  return set + 1;
}

/* The pattern behind its first element if that matches `wanted`, else NULL. */
static const char* match_one(const char* pattern, char wanted) {
  int matches = 0;
  switch (*pattern) {
    case '?':
      return pattern + 1;
    case '[': {
      const char* behind = match_set(pattern + 1, wanted, &matches);
      if (behind != NULL) {
        return matches ? behind : NULL;
      }
      break;
    }
    case '\\':
      pattern += pattern[1] != 0;
      break;
    default:
      break;
  }
  return *pattern == wanted && *pattern != 0 ? pattern + 1 : NULL;
}

int vtn_pattern_matches(const char* pattern, const char* text, char* const* more) {
  place here = {text, more};
  const char* star = NULL; /* behind the last one seen */
  place taken = here;      /* where what it has not taken begins */
  for (;;) {
    if (*pattern == '*') {
      star = ++pattern;
      taken = here;
      continue;
    }
    if (at_end(&here)) {
      return *pattern == 0;
    }
    const char* behind = match_one(pattern, letter(&here));
    if (behind != NULL) {
      pattern = behind;
      advance(&here);
      continue;
    }
    if (star == NULL) {
      return 0;
    }
    advance(&taken);
    here = taken;
    pattern = star;
  }
}

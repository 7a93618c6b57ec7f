/* SPDX-License-Identifier: Apache-2.0
 *
 * Regular expressions for C and C++, as Python's `re` writes them, matched against the whole of a
 * name: the launcher checks one with the code that the runtime matches by. No allocation, and time
 * in proportion to text and expression, whatever they are (all ways are followed at once).
 *
 * Known are letters, `.`, sets, `\d \w \s \D \W \S`, `\A \Z \b \B ^ $`, groups (with a name or
 * without), `|`, `* + ? {m,n}` and their lazy forms, which match the same, and `(?i)` at the
 * beginning, which folds letters of ASCII. Text is UTF-8; `\w` has every letter beyond ASCII, as
 * every such letter of a name is one. What else `re` knows is refused by its name.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VTN_REGEX_NODES 768
#define VTN_REGEX_RANGES 256

/* Places within a program are told from where they stand. */
typedef struct {
  uint8_t kind;
  uint8_t negated;
  int16_t next;  /* of a choice and a jump; the first range of a set */
  uint32_t more; /* the other way of a choice; how many ranges; the letter; which assertion */
} vtn_regex_node;

typedef struct {
  uint32_t low;
  uint32_t high;
} vtn_regex_range;

typedef struct {
  uint32_t nodes;
  uint32_t ranges;
  uint32_t folds; /* letters of ASCII, large and small, are the same */
  vtn_regex_node node[VTN_REGEX_NODES];
  vtn_regex_range range[VTN_REGEX_RANGES];
} vtn_regex;

/* NULL, or what is wrong: "uses look-ahead, which is not supported", of the expression. */
const char* vtn_regex_compile(vtn_regex* to, const char* expression);

/* Whether it matches all of the text. */
int vtn_regex_matches(const vtn_regex* expression, const char* text, size_t bytes);

#ifdef __cplusplus
}
#endif

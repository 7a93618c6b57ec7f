/* SPDX-License-Identifier: Apache-2.0
 *
 * The patterns that options take, for C and C++: `*`, `?`, `[abc]`, `[a-z]`, `[!abc]`, and a
 * backslash before what stands for itself. A slash is a letter like any other.
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/* Whether `pattern` matches the whole of `text`, which goes on, with a space between each, in the
 * strings of `more` (ended by NULL; may itself be NULL). */
int vtn_pattern_matches(const char* pattern, const char* text, char* const* more);

#ifdef __cplusplus
}
#endif

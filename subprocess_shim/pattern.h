/* SPDX-License-Identifier: Apache-2.0
 *
 * The patterns of --exclude_process: `*`, `?`, `[abc]`, `[a-z]`, `[!abc]`, and a backslash before
 * what stands for itself. A slash is a letter like any other.
 */
#pragma once

/* Whether `pattern` matches the whole of `text`, which goes on, with a space between each, in the
 * strings of `more` (ended by NULL; may itself be NULL). */
int vtn_pattern_matches(const char* pattern, const char* text, char* const* more);

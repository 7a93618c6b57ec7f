/* SPDX-License-Identifier: Apache-2.0
 *
 * The session's settings file (abi/settings_abi.h) in this process: mapped at its start where it
 * holds anything for it, read wherever it is needed. Signal-safe and child-safe.
 */
#pragma once

#include <stdint.h>

/* Maps the file; at the start, once. `bytes` as the control page has it. Where it cannot be had the
 * process goes on as if nothing stood in it. */
void vtn_settings_enter(const char* session_folder, uint32_t bytes);

/* All records, from the first to behind the last; both NULL where there are none. */
void vtn_settings(const void** begin, const void** end);

/* The pattern of --exclude_process that follows `pattern`; NULL: the first. NULL: there is none. */
const char* vtn_next_excluded(const char* pattern);

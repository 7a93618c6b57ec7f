/* SPDX-License-Identifier: Apache-2.0
 *
 * system, popen and what ends their streams.
 */
#pragma once

/* Whether a call of our system is under way or a stream of our popen is open: libc's own functions
 * know nothing of either. */
int vtn_shell_is_busy(void);

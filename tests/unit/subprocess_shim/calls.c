/* SPDX-License-Identifier: Apache-2.0
 *
 * A library that calls a function of another, and takes the address of one: each by a slot, of the
 * kind that it is linked with.
 */
#include <unistd.h>

int call_getppid(void) { return getppid(); }

pid_t (*address_of_getpgrp(void))(void) { return getpgrp; }

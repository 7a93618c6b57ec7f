/* SPDX-License-Identifier: Apache-2.0
 *
 * posix_spawn with our entry handed on and the start told, for shell.c as well.
 */
#pragma once

#include "subprocess_shim/libc.h"

/* As posix_spawn(3). */
int vtn_spawn(int* pid,
              const char* path,
              const void* actions,
              const void* attributes,
              vtn_strings argv,
              vtn_strings environment);

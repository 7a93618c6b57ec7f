/* SPDX-License-Identifier: Apache-2.0
 *
 * A look at what is about to be started: whether we may go along. Where we cannot be loaded, or do
 * harm, our entry stays out of the environment, so that no loader ever has to complain about us.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "subprocess_shim/libc.h"

typedef struct {
  int folder;       /* as openat(2) has it */
  const char* path; /* "": the file that `folder` has open */
  vtn_strings argv;
  vtn_strings environment; /* as the caller passes it on */
  int in_child;            /* a process of its own is made for it */
} vtn_target;

typedef struct {
  uint32_t reason; /* VTN_UNTRACED_: why it will not be traced, if it is known already */
  int carries;     /* our entry goes along: also into what cannot load it but hands it on */
  int exists;      /* there is something to start */
  /* It is our embed host, as a program that runs in it finds it in /proc/self/exe: this is to be
   * started instead. NULL: as it is. */
  const char* instead;
} vtn_verdict;

/* Signal-safe and child-safe, in a vfork child as well. Uses about 6 KiB of stack. */
vtn_verdict vtn_look_at(const vtn_target* target);

/* Where execvp(3) would find `name`: `name` itself if it has a slash or is nowhere. `buffer` has
 * VTN_PATH_BYTES and may be what is returned. */
const char* vtn_find_on_path(const char* name, char* buffer);

/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether our library can be loaded into a program, by its file alone. For the shim, which looks at
 * what is started, and for the launcher, which looks at the program itself.
 */
#pragma once

#include <stdint.h>

#include "abi/control_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As stat(2) has it. */
typedef struct {
  uint32_t mode;
  uint32_t uid;
  uint32_t gid;
} vtn_file_rights;

/* VTN_UNTRACED_NONE: it can be; else why not. `fd` has an ELF file open for reading, whose first
 * bytes are `head`, 8-aligned. Signal-safe and child-safe. Uses about 4 KiB of stack. */
uint32_t vtn_look_at_program(int fd,
                             const char* head,
                             long head_bytes,
                             const vtn_file_rights* rights);

/* Whether our entry in the environment goes along into a program of this kind: also into what
 * cannot load it, but takes no harm and hands it on. */
static inline int vtn_is_carried(uint32_t reason) {
  return reason == VTN_UNTRACED_NONE || reason == VTN_UNTRACED_STATIC ||
         reason == VTN_UNTRACED_SETUID;
}

#ifdef __cplusplus
}
#endif

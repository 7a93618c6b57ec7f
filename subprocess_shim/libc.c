/* SPDX-License-Identifier: Apache-2.0 */
#include "subprocess_shim/libc.h"

vtn_libc_functions g_libc;

void vtn_libc_find(void) {
#define NEXT(member, name) g_libc.member = (__typeof__(g_libc.member))dlsym(VTN_RTLD_NEXT, name)
  g_libc.environ_word = (char***)dlsym(VTN_RTLD_DEFAULT, "environ");
  NEXT(errno_location, "__errno_location");
  NEXT(execve, "execve");
  NEXT(execvpe, "execvpe");
  NEXT(fexecve, "fexecve");
  NEXT(execveat, "execveat");
  NEXT(exit_now, "_exit");
#undef NEXT
  g_libc.found = 1;
}

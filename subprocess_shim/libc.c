/* SPDX-License-Identifier: Apache-2.0 */
#include "subprocess_shim/libc.h"

vtn_libc_functions g_libc;

#define NEXT(member, name) g_libc.member = (__typeof__(g_libc.member))vtn_dlsym(VTN_RTLD_NEXT, name)

void vtn_libc_find(void) {
  g_libc.environ_word = (char***)vtn_dlsym(VTN_RTLD_DEFAULT, "environ");
  NEXT(errno_location, "__errno_location");
  NEXT(execve, "execve");
  NEXT(execvpe, "execvpe");
  NEXT(fexecve, "fexecve");
  NEXT(execveat, "execveat");
  NEXT(posix_spawn, "posix_spawn");
  NEXT(posix_spawnp, "posix_spawnp");
  NEXT(fclose, "fclose");
  NEXT(wait, "wait");
  NEXT(waitpid, "waitpid");
  NEXT(wait3, "wait3");
  NEXT(wait4, "wait4");
  NEXT(waitid, "waitid");
  NEXT(exit_now, "_exit");
  g_libc.found = 1;
}

void vtn_libc_find_for_shells(void) {
  NEXT(pidfd_spawn, "pidfd_spawn");
  NEXT(pidfd_spawnp, "pidfd_spawnp");
  NEXT(pidfd_getpid, "pidfd_getpid");
  NEXT(attributes_init, "posix_spawnattr_init");
  NEXT(attributes_destroy, "posix_spawnattr_destroy");
  NEXT(attributes_setflags, "posix_spawnattr_setflags");
  NEXT(attributes_setsigmask, "posix_spawnattr_setsigmask");
  NEXT(attributes_setsigdefault, "posix_spawnattr_setsigdefault");
  NEXT(actions_init, "posix_spawn_file_actions_init");
  NEXT(actions_destroy, "posix_spawn_file_actions_destroy");
  NEXT(actions_adddup2, "posix_spawn_file_actions_adddup2");
  NEXT(actions_addclose, "posix_spawn_file_actions_addclose");
  NEXT(system, "system");
  NEXT(popen, "popen");
  NEXT(pclose, "pclose");
  NEXT(fdopen, "fdopen");
  NEXT(glibc_version, "gnu_get_libc_version");
  __atomic_store_n(&g_libc.found_for_shells, 1, __ATOMIC_RELEASE);
}

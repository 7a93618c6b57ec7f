/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions that start a program in a child. They are called in the parent, so everything is
 * known here: what, whether it worked, and the pid.
 */
#include "subprocess_shim/spawn.h"

#include "subprocess_shim/environment.h"
#include "subprocess_shim/late.h"
#include "subprocess_shim/raw.h"
#include "subprocess_shim/slots.h"
#include "subprocess_shim/started.h"
#include "subprocess_shim/target.h"

typedef struct {
  vtn_spawn_fn real;
  int by_name;  /* found on PATH */
  int by_pidfd; /* gives a pidfd instead of a pid */
  const char* path;
  const void* actions;
  const void* attributes;
  vtn_strings argv;
  vtn_strings environment;
} spawn_call;

static int call_real(const spawn_call* call, int* id, vtn_strings environment) {
  return call->real(id, call->path, call->actions, call->attributes, call->argv, environment);
}

/* pidfd_spawn for a libc that lacks it: a program that looks for the function finds ours, so it has
 * to work. The child cannot be gone: nobody but the caller waits for it. */
static int spawn_for_pidfd(int* pidfd,
                           const char* path,
                           const void* actions,
                           const void* attributes,
                           vtn_strings argv,
                           vtn_strings environment,
                           vtn_spawn_fn spawn) {
  const long possible = vtn_call3(SYS_pidfd_open, vtn_pid(), 0, 0);
  if (possible < 0) {
    return (int)-possible;
  }
  vtn_close(possible);
  int pid = 0;
  const int error = spawn(&pid, path, actions, attributes, argv, environment);
  if (error == 0) {
    *pidfd = (int)vtn_call3(SYS_pidfd_open, pid, 0, 0);
  }
  return error;
}

static int spawn_by_path_for_pidfd(int* pidfd,
                                   const char* path,
                                   const void* actions,
                                   const void* attributes,
                                   vtn_strings argv,
                                   vtn_strings environment) {
  return spawn_for_pidfd(pidfd, path, actions, attributes, argv, environment, g_libc.posix_spawn);
}

static int spawn_by_name_for_pidfd(int* pidfd,
                                   const char* name,
                                   const void* actions,
                                   const void* attributes,
                                   vtn_strings argv,
                                   vtn_strings environment) {
  return spawn_for_pidfd(pidfd, name, actions, attributes, argv, environment, g_libc.posix_spawnp);
}

/* File actions may change the folder that a relative path starts from, and an attribute the user:
 * then the look is a guess. What is not there is started with our entry all the same. */
static int run(const spawn_call* call, int* id) {
  if (call->real == NULL) {
    return ENOSYS;
  }
  if (!vtn_follows() || call->path == NULL) {
    return call_real(call, id, call->environment);
  }
  char buffer[VTN_PATH_BYTES];
  const vtn_target target = {
      .folder = AT_FDCWD,
      .path = call->by_name ? vtn_find_on_path(call->path, buffer) : call->path,
      .argv = call->argv,
      .environment = call->environment,
      .in_child = 1,
  };
  const vtn_verdict verdict = vtn_look_at(&target);
  if (verdict.instead != NULL) {
    spawn_call instead = *call;
    instead.path = verdict.instead; /* with a slash in it: found by path in any way */
    return run(&instead, id);
  }
  vtn_process_slot* start = vtn_announce(&target, &verdict);
  const vtn_environment_plan plan = vtn_environment_measure(call->environment, verdict.carries);
  void* pages;
  const vtn_strings environment = VTN_MAKE_ENVIRONMENT(plan, pages);
  int mine = 0;
  int* to = id != NULL ? id : &mine;
  int result = call_real(call, to, environment);
  if (result == E2BIG && environment != call->environment) {
    result = call_real(call, to, call->environment); /* it is our entry that is too much */
  }
  vtn_give_pages(pages);
  if (result != 0) {
    vtn_withdraw_start(start, start == NULL ? 0 : start->start_ticks);
    return result;
  }
  int pid = *to;
  if (call->by_pidfd) {
    pid = g_libc.pidfd_getpid == NULL ? 0 : g_libc.pidfd_getpid(*to);
  }
  vtn_publish_start(start, pid > 0 ? (uint32_t)pid : 0);
  return 0;
}

int vtn_spawn(int* pid,
              const char* path,
              const void* actions,
              const void* attributes,
              vtn_strings argv,
              vtn_strings environment) {
  const spawn_call call = {.real = vtn_libc()->posix_spawn,
                           .path = path,
                           .actions = actions,
                           .attributes = attributes,
                           .argv = argv,
                           .environment = environment};
  return run(&call, pid);
}

VTN_EXPORT int posix_spawn(int* pid,
                           const char* path,
                           const void* actions,
                           const void* attributes,
                           vtn_strings argv,
                           vtn_strings environment) {
  return vtn_spawn(pid, path, actions, attributes, argv, environment);
}

VTN_EXPORT int posix_spawnp(int* pid,
                            const char* name,
                            const void* actions,
                            const void* attributes,
                            vtn_strings argv,
                            vtn_strings environment) {
  const spawn_call call = {.real = vtn_libc()->posix_spawnp,
                           .by_name = 1,
                           .path = name,
                           .actions = actions,
                           .attributes = attributes,
                           .argv = argv,
                           .environment = environment};
  return run(&call, pid);
}

VTN_EXPORT int pidfd_spawn(int* pidfd,
                           const char* path,
                           const void* actions,
                           const void* attributes,
                           vtn_strings argv,
                           vtn_strings environment) {
  const vtn_spawn_fn real = vtn_libc_for_shells()->pidfd_spawn;
  const spawn_call call = {.real = real != NULL ? real : spawn_by_path_for_pidfd,
                           .by_pidfd = 1,
                           .path = path,
                           .actions = actions,
                           .attributes = attributes,
                           .argv = argv,
                           .environment = environment};
  return run(&call, pidfd);
}

VTN_EXPORT int pidfd_spawnp(int* pidfd,
                            const char* name,
                            const void* actions,
                            const void* attributes,
                            vtn_strings argv,
                            vtn_strings environment) {
  const vtn_spawn_fn real = vtn_libc_for_shells()->pidfd_spawnp;
  const spawn_call call = {.real = real != NULL ? real : spawn_by_name_for_pidfd,
                           .by_name = 1,
                           .by_pidfd = 1,
                           .path = name,
                           .actions = actions,
                           .attributes = attributes,
                           .argv = argv,
                           .environment = environment};
  return run(&call, pidfd);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions that replace this program by another. Each hands our entry on in the environment
 * it passes to the real one, and says in the control page what is about to be started.
 *
 * They are called in vfork children, whose memory is their parent's, and between fork and exec in
 * threaded programs: no lock, no heap, nothing of the shim's own written; a slot and the caller's
 * stack is all.
 */
#include <stdarg.h>

#include "subprocess_shim/environment.h"
#include "subprocess_shim/late.h"
#include "subprocess_shim/libc.h"
#include "subprocess_shim/raw.h"
#include "subprocess_shim/slots.h"
#include "subprocess_shim/started.h"
#include "subprocess_shim/target.h"

typedef struct {
  enum { BY_PATH, BY_NAME, BY_FD, BY_FOLDER } way;
  int fd; /* BY_FD, BY_FOLDER */
  const char* path;
  vtn_strings argv;
  vtn_strings environment;
  int flags; /* BY_FOLDER */
} exec_call;

static int call_real(const exec_call* call, vtn_strings environment) {
  switch (call->way) {
    case BY_PATH:
      return g_libc.execve(call->path, call->argv, environment);
    case BY_NAME:
      return g_libc.execvpe(call->path, call->argv, environment);
    case BY_FD:
      return g_libc.fexecve(call->fd, call->argv, environment);
    case BY_FOLDER:
      break;
  }
  if (g_libc.execveat != NULL) {
    return g_libc.execveat(call->fd, call->path, call->argv, environment, call->flags);
  }
  const long result = vtn_call6(SYS_execveat,
                                call->fd,
                                (long)call->path,
                                (long)call->argv,
                                (long)environment,
                                call->flags,
                                0);
  vtn_set_errno((int)-result);
  return -1;
}

static int too_big(void) {
  return g_libc.errno_location != NULL && *g_libc.errno_location() == E2BIG;
}

static int run(const exec_call* call) {
  (void)vtn_libc();
  /* (fexecve refuses an environment that is not there; the others take it for an empty one.) */
  if (!vtn_follows() || (call->way == BY_FD ? call->environment == NULL : call->path == NULL)) {
    return call_real(call, call->environment);
  }
  char buffer[VTN_PATH_BYTES];
  const vtn_target target = {
      .folder = call->way == BY_FD || call->way == BY_FOLDER ? call->fd : AT_FDCWD,
      .path = call->way == BY_FD     ? ""
              : call->way == BY_NAME ? vtn_find_on_path(call->path, buffer)
                                     : call->path,
      .argv = call->argv,
      .environment = call->environment,
  };
  const vtn_verdict verdict = vtn_look_at(&target);
  if (verdict.instead != NULL) {
    const exec_call instead = {.way = BY_PATH,
                               .path = verdict.instead,
                               .argv = call->argv,
                               .environment = call->environment};
    return run(&instead);
  }
  vtn_process_slot* own = NULL;
  vtn_process_slot* start = NULL;
  uint64_t start_ticks = 0;
  if (verdict.exists) {
    own = vtn_own_slot();
    start = vtn_announce(&target, &verdict);
    if (start != NULL) {
      start_ticks = start->start_ticks;
      vtn_publish_start(start, vtn_pid());
    }
    if (own != NULL) {
      __atomic_store_n(&own->exec_ticks, vtn_ticks(), __ATOMIC_RELEASE);
    }
    vtn_leave_attached(own, 1);
  }
  const vtn_environment_plan plan = vtn_environment_measure(call->environment, verdict.carries);
  void* pages;
  const vtn_strings environment = VTN_MAKE_ENVIRONMENT(plan, pages);
  int result = call_real(call, environment);
  if (too_big() && environment != call->environment) {
    result = call_real(call, call->environment); /* it is our entry that is too much */
  }
  vtn_give_pages(pages);
  if (own != NULL) {
    __atomic_store_n(&own->exec_ticks, 0, __ATOMIC_RELEASE);
  }
  vtn_leave_attached(own, -1);
  vtn_withdraw_start(start, start_ticks);
  return result;
}

VTN_EXPORT int execve(const char* path, vtn_strings argv, vtn_strings environment) {
  const exec_call call = {.way = BY_PATH, .path = path, .argv = argv, .environment = environment};
  return run(&call);
}

VTN_EXPORT int execv(const char* path, vtn_strings argv) {
  const exec_call call = {.way = BY_PATH, .path = path, .argv = argv, .environment = vtn_environ()};
  return run(&call);
}

VTN_EXPORT int execvpe(const char* name, vtn_strings argv, vtn_strings environment) {
  const exec_call call = {.way = BY_NAME, .path = name, .argv = argv, .environment = environment};
  return run(&call);
}

VTN_EXPORT int execvp(const char* name, vtn_strings argv) {
  const exec_call call = {.way = BY_NAME, .path = name, .argv = argv, .environment = vtn_environ()};
  return run(&call);
}

VTN_EXPORT int fexecve(int fd, vtn_strings argv, vtn_strings environment) {
  const exec_call call = {.way = BY_FD, .fd = fd, .argv = argv, .environment = environment};
  return run(&call);
}

VTN_EXPORT int execveat(
    int folder, const char* path, vtn_strings argv, vtn_strings environment, int flags) {
  const exec_call call = {.way = BY_FOLDER,
                          .fd = folder,
                          .path = path,
                          .argv = argv,
                          .environment = environment,
                          .flags = flags};
  return run(&call);
}

/* ---- those that take their arguments one by one */

static size_t count_arguments(const char* first, va_list* rest) {
  size_t count = 0;
  for (; first != NULL; first = va_arg(*rest, const char*)) {
    ++count;
  }
  return count;
}

/* Declares `argv` from the arguments that follow `first`; `rest` is then behind their NULL. */
#define COLLECT_ARGUMENTS                             \
  va_list rest;                                       \
  va_start(rest, first);                              \
  const size_t count = count_arguments(first, &rest); \
  va_end(rest);                                       \
  char* argv[count + 1];                              \
  va_start(rest, first);                              \
  argv[0] = (char*)first;                             \
  for (size_t i = 1; i <= count; ++i) {               \
    argv[i] = va_arg(rest, char*);                    \
  }

VTN_EXPORT int execl(const char* path, const char* first, ...) {
  COLLECT_ARGUMENTS
  va_end(rest);
  return execv(path, argv);
}

VTN_EXPORT int execlp(const char* name, const char* first, ...) {
  COLLECT_ARGUMENTS
  va_end(rest);
  return execvp(name, argv);
}

VTN_EXPORT int execle(const char* path, const char* first, ...) {
  COLLECT_ARGUMENTS
  const vtn_strings environment = va_arg(rest, vtn_strings);
  va_end(rest);
  return execve(path, argv, environment);
}

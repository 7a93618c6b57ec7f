/* SPDX-License-Identifier: Apache-2.0
 *
 * system, popen and pclose: libc's own start the shell with the program's environment, which we
 * are not in, and by an internal call that nobody can stand before. So here they are once more, on
 * posix_spawn, as POSIX and the C library in use have them. Unlike there a thread that is
 * cancelled in them goes on until the shell has ended.
 */
#include "subprocess_shim/shell.h"

#include "subprocess_shim/late.h"
#include "subprocess_shim/libc.h"
#include "subprocess_shim/raw.h"
#include "subprocess_shim/slots.h"
#include "subprocess_shim/spawn.h"
#include "subprocess_shim/wait.h"

#define SHELL "/bin/sh"
#define NOT_STARTED (127 << 8) /* as if the shell had ended so */

#define SIGNAL_INTERRUPT 2
#define SIGNAL_QUIT 3
#define SIGNAL_CHILD 17
#define SIGNAL_BIT(number) (1ul << ((number)-1))
#define IGNORED ((void*)1)
#define HOW_BLOCK 0
#define HOW_SET 2
#define SPAWN_SETSIGDEF 0x04
#define SPAWN_SETSIGMASK 0x08

/* Room for libc's own structures, which are of 80 and 336 bytes in glibc and musl. */
typedef struct {
  char bytes[512];
} __attribute__((aligned(16))) opaque;

/* sigset_t, of which the kernel knows the first word. */
typedef struct {
  unsigned long words[16];
} signal_set;

typedef struct {
  void* handler;
  unsigned long flags;
  void* restorer;
  unsigned long mask;
} signal_action;

static long set_action(int number, const signal_action* action, signal_action* old) {
  return vtn_call4(SYS_rt_sigaction, number, (long)action, (long)old, (long)sizeof(unsigned long));
}

static void set_mask(int how, const unsigned long* mask, unsigned long* old) {
  (void)vtn_call4(SYS_rt_sigprocmask, how, (long)mask, (long)old, (long)sizeof(unsigned long));
}

/* Waits for one child, whatever signals come. Its status, or -1 with errno set. */
static int wait_for(int pid) {
  int status = 0;
  long result;
  do {
    result = vtn_call4(SYS_wait4, pid, (long)&status, 0, 0);
  } while (result == -EINTR);
  if (result != pid) {
    vtn_set_errno(result < 0 ? (int)-result : ECHILD);
    return -1;
  }
  vtn_child_ended(pid, status);
  return status;
}

/* glibc says `sh -c -- COMMAND` since 2.38. */
static int says_dashes(void) {
  if (g_libc.glibc_version == NULL) {
    return 0;
  }
  const char* version = g_libc.glibc_version();
  unsigned numbers[2] = {0, 0};
  for (int i = 0; i < 2; ++i) {
    while (*version >= '0' && *version <= '9') {
      numbers[i] = numbers[i] * 10 + (unsigned)(*version++ - '0');
    }
    version += *version == '.';
  }
  return numbers[0] > 2 || (numbers[0] == 2 && numbers[1] >= 38);
}

static int spawn_shell(int* pid, const char* command, const void* actions, const void* attributes) {
  char* const plain[] = {"sh", "-c", (char*)command, NULL};
  char* const dashes[] = {"sh", "-c", "--", (char*)command, NULL};
  return vtn_spawn(pid, SHELL, actions, attributes, says_dashes() ? dashes : plain, vtn_environ());
}

/* ---- system */

/* Several threads may be in system(3) at once: the first ignores the signals, the last puts back
 * what they were. */
static struct {
  int lock;
  int callers;
  signal_action interrupt;
  signal_action quit;
} g_ignoring;

static void lock_ignoring(void) {
  while (__atomic_exchange_n(&g_ignoring.lock, 1, __ATOMIC_ACQUIRE) != 0) {
    (void)vtn_call3(SYS_sched_yield, 0, 0, 0);
  }
}

static void unlock_ignoring(void) { __atomic_store_n(&g_ignoring.lock, 0, __ATOMIC_RELEASE); }

/* Two that do this without knowing of each other would leave the signals ignored for good. Calls
 * of libc's own that began before we came are known by what they have done; and none begins while
 * one of ours is under way. */
static int begin_ignoring(void) {
  const signal_action ignore = {.handler = IGNORED};
  lock_ignoring();
  const int ours = g_ignoring.callers != 0 || vtn_follows();
  if (ours && g_ignoring.callers++ == 0) {
    (void)set_action(SIGNAL_INTERRUPT, &ignore, &g_ignoring.interrupt);
    (void)set_action(SIGNAL_QUIT, &ignore, &g_ignoring.quit);
  }
  unlock_ignoring();
  return ours;
}

static void put_back(int number, const signal_action* before) {
  signal_action now = {.handler = IGNORED};
  if (vtn_is_late) {
    (void)set_action(number, NULL, &now);
  }
  if (now.handler == IGNORED) {
    (void)set_action(number, before, NULL);
  }
}

static void end_ignoring(void) {
  lock_ignoring();
  const int last = --g_ignoring.callers == 0;
  if (last) {
    put_back(SIGNAL_INTERRUPT, &g_ignoring.interrupt);
    put_back(SIGNAL_QUIT, &g_ignoring.quit);
  }
  unlock_ignoring();
  if (last) {
    vtn_follow_no_more();
  }
}

VTN_EXPORT int system(const char* command) {
  if (vtn_libc_for_shells()->attributes_init == NULL || g_libc.attributes_destroy == NULL ||
      g_libc.attributes_setflags == NULL || g_libc.attributes_setsigmask == NULL ||
      g_libc.attributes_setsigdefault == NULL || command == NULL || !begin_ignoring()) {
    return g_libc.system(command);
  }
  signal_set defaults = {{0}};
  defaults.words[0] = (g_ignoring.interrupt.handler != IGNORED ? SIGNAL_BIT(SIGNAL_INTERRUPT) : 0) |
                      (g_ignoring.quit.handler != IGNORED ? SIGNAL_BIT(SIGNAL_QUIT) : 0);
  signal_set before = {{0}};
  const unsigned long child = SIGNAL_BIT(SIGNAL_CHILD);
  set_mask(HOW_BLOCK, &child, &before.words[0]);

  opaque attributes;
  (void)g_libc.attributes_init(&attributes);
  (void)g_libc.attributes_setsigmask(&attributes, &before);
  (void)g_libc.attributes_setsigdefault(&attributes, &defaults);
  (void)g_libc.attributes_setflags(&attributes, SPAWN_SETSIGDEF | SPAWN_SETSIGMASK);
  int pid = 0;
  const int error = spawn_shell(&pid, command, NULL, &attributes);
  (void)g_libc.attributes_destroy(&attributes);
  const int status = error == 0 ? wait_for(pid) : NOT_STARTED;

  end_ignoring();
  set_mask(HOW_SET, &before.words[0], NULL);
  if (error != 0) {
    vtn_set_errno(error);
  }
  return status;
}

/* ---- popen */

#define MOST_STREAMS 64
#define RESERVED ((void*)1)

/* The streams of ours that are open. A place is taken and given back by its `stream`. */
static struct {
  void* stream;
  int pid;
  int fd;
} g_streams[MOST_STREAMS];

static int reserve_stream(void) {
  for (int i = 0; i < MOST_STREAMS; ++i) {
    void* expected = NULL;
    if (__atomic_compare_exchange_n(
            &g_streams[i].stream, &expected, RESERVED, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
      return i;
    }
  }
  return -1;
}

/* The pid that goes with a stream, which is ours no longer; 0: it was not. */
static int release_stream(void* stream) {
  for (int i = 0; stream != NULL && i < MOST_STREAMS; ++i) {
    if (__atomic_load_n(&g_streams[i].stream, __ATOMIC_ACQUIRE) == stream) {
      const int pid = g_streams[i].pid;
      __atomic_store_n(&g_streams[i].stream, NULL, __ATOMIC_RELEASE);
      return pid;
    }
  }
  return 0;
}

/* POSIX: the streams of earlier calls are closed in the new child. */
static int close_streams_in_child(opaque* actions, int child_fd) {
  int error = 0;
  for (int i = 0; i < MOST_STREAMS && error == 0; ++i) {
    void* stream = __atomic_load_n(&g_streams[i].stream, __ATOMIC_ACQUIRE);
    if (stream != NULL && stream != RESERVED && g_streams[i].fd != child_fd) {
      error = g_libc.actions_addclose(actions, g_streams[i].fd);
    }
  }
  return error;
}

/* 'r' or 'w'; 0 where the mode is not of those that every libc takes. */
static char direction_of(const char* mode, int* close_on_exec) {
  char direction = 0;
  for (; *mode != 0; ++mode) {
    if (*mode == 'e') {
      *close_on_exec = 1;
    } else if ((*mode == 'r' || *mode == 'w') && (direction == 0 || direction == *mode)) {
      direction = *mode;
    } else {
      return 0;
    }
  }
  return direction;
}

/* With the place `entry` of the table reserved. The stream, or NULL with errno set. */
static void* open_stream(int entry, const char* command, char direction, int close_on_exec) {
  const int reads = direction == 'r';
  int ends[2];
  const long piped = vtn_call3(SYS_pipe2, (long)ends, O_CLOEXEC, 0);
  if (piped < 0) {
    vtn_set_errno((int)-piped);
    return NULL;
  }
  const int ours = ends[!reads];
  const int theirs = ends[reads];
  const char mode[2] = {direction, 0};
  void* stream = g_libc.fdopen(ours, mode);
  if (stream == NULL) {
    vtn_close(ours);
    vtn_close(theirs);
    return NULL;
  }
  opaque actions;
  int pid = 0;
  int error = g_libc.actions_init(&actions);
  if (error == 0) {
    error = g_libc.actions_adddup2(&actions, theirs, reads);
    if (error == 0) {
      error = close_streams_in_child(&actions, reads);
    }
    if (error == 0) {
      error = spawn_shell(&pid, command, &actions, NULL);
    }
    (void)g_libc.actions_destroy(&actions);
  }
  vtn_close(theirs);
  if (error != 0) {
    (void)g_libc.fclose(stream);
    vtn_set_errno(error);
    return NULL;
  }
  if (!close_on_exec) {
    (void)vtn_call3(SYS_fcntl, ours, F_SETFD, 0);
  }
  g_streams[entry].pid = pid;
  g_streams[entry].fd = ours;
  return stream;
}

VTN_EXPORT void* popen(const char* command, const char* mode) {
  int close_on_exec = 0;
  const char direction = direction_of(mode, &close_on_exec);
  const int ready = vtn_libc_for_shells()->fdopen != NULL && g_libc.fclose != NULL &&
                    g_libc.actions_init != NULL && g_libc.actions_destroy != NULL &&
                    g_libc.actions_adddup2 != NULL && g_libc.actions_addclose != NULL;
  const int entry = ready && vtn_follows() && direction != 0 ? reserve_stream() : -1;
  if (entry < 0) {
    return g_libc.popen(command, mode);
  }
  void* stream = open_stream(entry, command, direction, close_on_exec);
  __atomic_store_n(&g_streams[entry].stream, stream, __ATOMIC_RELEASE);
  return stream;
}

static int end_stream(void* stream, int pid) {
  const int closed = g_libc.fclose(stream);
  const int status = wait_for(pid);
  if (!vtn_shell_is_busy()) {
    vtn_follow_no_more();
  }
  /* glibc also says if the last of what was written found no reader. */
  return status == 0 && g_libc.glibc_version != NULL ? closed : status;
}

VTN_EXPORT int pclose(void* stream) {
  const int pid = release_stream(stream);
  return pid != 0 ? end_stream(stream, pid) : vtn_libc_for_shells()->pclose(stream);
}

/* glibc's fclose waits for the command of a stream from popen, musl's does not. */
VTN_EXPORT int fclose(void* stream) {
  const int pid = release_stream(stream);
  return pid != 0 && g_libc.glibc_version != NULL ? end_stream(stream, pid)
                                                  : vtn_libc()->fclose(stream);
}

int vtn_shell_is_busy(void) {
  for (int i = 0; i < MOST_STREAMS; ++i) {
    if (__atomic_load_n(&g_streams[i].stream, __ATOMIC_ACQUIRE) != NULL) {
      return 1;
    }
  }
  return __atomic_load_n(&g_ignoring.callers, __ATOMIC_ACQUIRE) != 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Starts programs in every way a C library has, and says what came of it: return value, errno, what
 * the started program got (this one again, `show`), and how it ended. Plain and traced must print
 * the same. Also built with musl and statically.
 *
 *   starts WAY FORK ENVIRONMENT FILE [ARGUMENT...]
 *
 * FORK is fork, vfork or none; ENVIRONMENT see choose_environment.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static char* g_self;

/* ---- what is started */

static int show(int argc, char** argv) {
  for (int i = 0; i < argc; ++i) {
    printf(" [%s]", argv[i]);
  }
  printf(" env");
  for (char** entry = environ; *entry != NULL; ++entry) {
    printf(" %s", *entry);
  }
  printf(" fds");
  for (int fd = 0; fd < 64; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) {
      printf(" %d", fd);
    }
  }
  sigset_t blocked;
  sigprocmask(SIG_SETMASK, NULL, &blocked);
  printf(" signals");
  for (int number = 1; number < 32; ++number) {
    struct sigaction action;
    sigaction(number, NULL, &action);
    if (action.sa_handler != SIG_DFL || sigismember(&blocked, number)) {
      printf(" %d%s%s",
             number,
             action.sa_handler == SIG_IGN ? "i" : "",
             sigismember(&blocked, number) ? "b" : "");
    }
  }
  printf("\n");
  return 7;
}

static int count_environment(void) {
  int entries = 0;
  int ours = 0;
  unsigned long sum = 0;
  for (char** entry = environ; *entry != NULL; ++entry) {
    ++entries;
    ours += strstr(*entry, "libvtn") != NULL;
    for (char* letter = *entry; *letter != 0; ++letter) {
      sum = sum * 31 + (unsigned char)*letter;
    }
  }
  printf("%d entries, %d of another's, sum %lx\n", entries, ours, sum);
  return 0;
}

/* ---- how */

static char** choose_environment(const char* kind) {
  static char* const own[] = {"A=1", "PATH=/usr/bin:/bin", "B=", NULL};
  static char* const odd[] = {
      "A=1", "novalue", "", "=x", "A=2", "LD_PRELOAD", "LD_PRELOADED=1", NULL};
  static char* const empty[] = {NULL};
  if (strcmp(kind, "own") == 0) {
    return (char**)own;
  }
  if (strcmp(kind, "odd") == 0) {
    return (char**)odd;
  }
  if (strcmp(kind, "empty") == 0) {
    return (char**)empty;
  }
  if (strcmp(kind, "null") == 0) {
    return NULL;
  }
  if (strncmp(kind, "LD_PRELOAD", 10) == 0) {
    char** one = calloc(3, sizeof(char*));
    one[0] = strdup(kind);
    one[1] = "Z=1";
    return one;
  }
  if (kind[0] >= '1' && kind[0] <= '9') { /* so many entries */
    const int count = atoi(kind);
    char** many = calloc((size_t)count + 1, sizeof(char*));
    for (int i = 0; i < count; ++i) {
      if (asprintf(&many[i], "V%d=%d", i, i * i) < 0) {
        abort();
      }
    }
    return many;
  }
  return environ;
}

static int is(const char* way, const char* name) { return strcmp(way, name) == 0; }

/* 0: it is not glibc. What libc lacks is not called, for there the preload library may have it. */
static int glibc_minor(void) {
  typedef const char* (*version_fn)(void);
  const version_fn version = (version_fn)dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
  return version == NULL ? 0 : atoi(strchr(version(), '.') + 1);
}

/* Returns only if it did not work. */
static int replace(const char* way, char** env, char** argv) {
  const char* file = argv[0];
  if (is(way, "execl")) {
    return execl(file, argv[0], argv[1], (char*)NULL);
  }
  if (is(way, "execlp")) {
    return execlp(file, argv[0], argv[1], (char*)NULL);
  }
  if (is(way, "execle")) {
    return execle(file, argv[0], argv[1], (char*)NULL, env);
  }
  if (is(way, "execl0")) {
    const char* volatile none = NULL;
    return execl(file, none, (char*)NULL);
  }
  if (is(way, "execv")) {
    return execv(file, argv);
  }
  if (is(way, "execvp")) {
    return execvp(file, argv);
  }
  if (is(way, "execvpe")) {
    return execvpe(file, argv, env);
  }
  if (is(way, "execve")) {
    return execve(file, argv, env);
  }
  if (is(way, "syscall")) {
    return (int)syscall(SYS_execve, file, argv, env);
  }
  if (is(way, "syscall_at")) {
    return (int)syscall(SYS_execveat, AT_FDCWD, file, argv, env, 0);
  }
  if (is(way, "fexecve")) {
    return fexecve(open(file, O_RDONLY), argv, env);
  }
  if (is(way, "fexecve_path")) {
    return fexecve(open(file, O_PATH | O_CLOEXEC), argv, env);
  }
  typedef int (*execveat_fn)(int, const char*, char* const*, char* const*, int);
  const execveat_fn by_folder = (execveat_fn)dlsym(RTLD_DEFAULT, "execveat");
  if (strncmp(way, "execveat", 8) == 0 && glibc_minor() >= 34 && by_folder != NULL) {
    if (is(way, "execveat_fd")) {
      return by_folder(open(file, O_RDONLY | O_CLOEXEC), "", argv, env, AT_EMPTY_PATH);
    }
    if (is(way, "execveat_root")) {
      return by_folder(open("/", O_RDONLY | O_CLOEXEC), file + 1, argv, env, 0);
    }
    return by_folder(AT_FDCWD, file, argv, env, 0);
  }
  errno = ENOSYS;
  return -1;
}

static void say_status(int status) {
  printf("status %x%s%s\n",
         status,
         WIFEXITED(status) ? " exited" : "",
         WIFSIGNALED(status) ? " killed" : "");
}

static void replace_in_child(const char* way, const char* how, char** env, char** argv) {
  errno = 0;
  if (is(how, "none")) {
    const int result = replace(way, env, argv);
    printf("returned %d errno %d\n", result, errno);
    return;
  }
  volatile int result = 0;
  volatile int code = 0;
  const pid_t child = is(how, "vfork") ? vfork() : fork();
  if (child == 0) {
    result = replace(way, env, argv);
    code = errno;
    if (!is(how, "vfork")) {
      printf("returned %d errno %d\n", result, code);
      fflush(stdout);
    }
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (is(how, "vfork") && result != 0) {
    printf("returned %d errno %d\n", result, code);
  }
  say_status(status);
}

typedef int (*spawn_fn)(pid_t*,
                        const char*,
                        const posix_spawn_file_actions_t*,
                        const posix_spawnattr_t*,
                        char* const*,
                        char* const*);

static void spawn(const char* way, char** env, char** argv) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  const int special = strstr(way, "_special") != NULL;
  const int no_id = strstr(way, "_noid") != NULL;
  if (special) {
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    posix_spawnattr_setsigmask(&attributes, &mask);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_addopen(&actions, 5, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, 1, 9);
  }
  const int by_pidfd = strncmp(way, "pidfd", 5) == 0;
  const int by_name = strstr(way, "spawnp") != NULL;
  spawn_fn function = by_name ? posix_spawnp : posix_spawn;
  if (by_pidfd) {
    function = (spawn_fn)dlsym(RTLD_DEFAULT, by_name ? "pidfd_spawnp" : "pidfd_spawn");
    if (function == NULL || glibc_minor() < 39) {
      printf("absent\n");
      return;
    }
  }
  errno = 0;
  pid_t id = -5;
  const int result = function(no_id ? NULL : &id,
                              argv[0],
                              special ? &actions : NULL,
                              special ? &attributes : NULL,
                              argv,
                              env);
  const int code = errno;
  int status = 0;
  siginfo_t info = {0};
  int waited = -1;
  if (result == 0 && by_pidfd) {
    waited = waitid((idtype_t)3 /* P_PIDFD */, (id_t)id, &info, WEXITED);
    close(id);
  } else if (result == 0) {
    waited = waitpid(no_id ? -1 : id, &status, 0);
  }
  printf("returned %d errno %d id %d", result, code, id > 0 ? 1 : id);
  printf(" waited %d %d %d ", waited > 0, info.si_code, info.si_status);
  say_status(status);
}

/* ---- the shell */

static void shells(void) {
  char line[200];
  errno = 0;
  printf("system %x errno %d\n", system("exit 3"), errno);
  printf("system %x\n", system("kill -9 $$"));
  printf("system %x\n", system("echo out; grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status"));
  printf("system %x\n", system("kill -INT $PPID; kill -QUIT $PPID; exit 5"));
  printf("system %d\n", system(NULL) != 0);
  printf("system %x\n", system("no-such-command 2>/dev/null"));
  printf("system %x\n", system(""));
  printf("system %x\n", system("exit $(env | grep -c LD_PRELOAD)"));
  signal(SIGINT, SIG_IGN);
  printf("system %x\n", system("grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status"));
  signal(SIGINT, SIG_DFL);
  FILE* stream = popen("echo hi; exit 4", "r");
  printf("popen %s", fgets(line, sizeof(line), stream));
  printf("flags %d\n", fcntl(fileno(stream), F_GETFD));
  printf("pclose %x errno %d\n", pclose(stream), errno);
  stream = popen("cat; exit 5", "w");
  FILE* second = popen("ls -1 /proc/self/fd", "re");
  printf("flags %d\n", fcntl(fileno(second), F_GETFD));
  while (fgets(line, sizeof(line), second) != NULL) {
    printf("fd %s", line);
  }
  fprintf(stream, "to cat\n");
  printf("pclose %x", pclose(second));
  fflush(stdout);
  int (*volatile close_stream)(FILE*) = fclose; /* glibc's waits for the command, musl's does not */
  const int closed = close_stream(stream);
  while (waitpid(-1, NULL, 0) > 0) {
  }
  printf(" fclose %x\n", closed & 0xffff);
  stream = popen("exit 0", "w");
  usleep(200000);
  signal(SIGPIPE, SIG_IGN);
  fprintf(stream, "nobody reads\n");
  printf("pclose %d\n", pclose(stream));
  stream = popen("kill -15 $$", "r");
  printf("pclose %x\n", pclose(stream));
  for (int i = 0; i < 3; ++i) {
    static const char* const modes[] = {"q", "", "rw"};
    errno = 0;
    stream = popen("true", modes[i]);
    printf("popen %d errno %d\n", stream != NULL, errno);
    if (stream != NULL) {
      pclose(stream);
    }
  }
  FILE* many[80];
  int sum = 0;
  for (int i = 0; i < 80; ++i) {
    snprintf(line, sizeof(line), "exit %d", i);
    many[i] = popen(line, "r");
  }
  for (int i = 0; i < 80; ++i) {
    sum += WEXITSTATUS(pclose(many[i]));
  }
  printf("sum %d\n", sum);
  signal(SIGCHLD, SIG_IGN);
  stream = popen("true", "r");
  errno = 0;
  printf("pclose %d", pclose(stream));
  printf(" errno %d\n", errno);
  errno = 0;
  printf("system %d", system("true"));
  printf(" errno %d\n", errno);
}

/* ---- the wait functions */

static pid_t child_that(int ends_with) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    if (ends_with < 0) {
      raise(-ends_with);
      for (;;) {
        pause(); /* it was stopped, and goes on until it is killed */
      }
    }
    _exit(ends_with);
  }
  return child;
}

static void waits(void) {
  int status = 0;
  struct rusage usage;
  siginfo_t info;
  pid_t child = child_that(3);
  printf("wait %d", wait(&status) == child);
  say_status(status);
  child = child_that(0);
  printf("wait %d\n", wait(NULL) == child);
  child = child_that(-SIGKILL);
  printf("waitpid %d", waitpid(child, &status, 0) == child);
  say_status(status);
  child = child_that(4);
  printf("waitpid %d\n", waitpid(-1, NULL, 0) == child);
  child = child_that(5);
  printf("wait3 %d", wait3(&status, 0, &usage) == child);
  say_status(status);
  child = child_that(6);
  printf("wait4 %d", wait4(child, &status, 0, NULL) == child);
  say_status(status);
  child = child_that(7);
  memset(&info, 0, sizeof(info));
  printf("waitid %d", waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT));
  printf(" %d %d %d\n", info.si_pid == child, info.si_code, info.si_status);
  printf("waitid %d\n", waitid(P_ALL, 0, NULL, WEXITED));
  child = child_that(-SIGSTOP);
  printf("waitpid %d", waitpid(child, &status, WUNTRACED) == child);
  say_status(status);
  memset(&info, 0x55, sizeof(info));
  printf("waitid %d", waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG));
  printf(" pid %d\n", info.si_pid);
  printf("waitpid %d\n", waitpid(child, &status, WNOHANG));
  kill(child, SIGCONT);
  printf("waitpid %d", waitpid(child, &status, WCONTINUED) == child);
  say_status(status);
  kill(child, SIGTERM);
  printf("waitpid %d\n", waitpid(child, &status, 0) == child);
  errno = 0;
  printf("wait %d", wait(&status));
  printf(" errno %d\n", errno);
  errno = 0;
  printf("waitid %d", waitid(P_ALL, 0, &info, WEXITED));
  printf(" errno %d\n", errno);
  errno = 0;
  printf("waitpid %d", waitpid(-1, &status, 0x4000000));
  printf(" errno %d\n", errno);
}

/* ---- limits */

static int fits(size_t bytes) {
  char* filler = malloc(bytes + 1);
  memset(filler, 'x', bytes);
  filler[bytes] = 0;
  const size_t piece = 100000;
  char* argv[64] = {"true"};
  int count = 1;
  while (bytes > piece) { /* no argument may have more than 128 KiB */
    argv[count] = malloc(piece + 1);
    memset(argv[count], 'y', piece);
    argv[count++][piece] = 0;
    bytes -= piece;
  }
  filler[bytes] = 0;
  argv[count] = filler;
  char* env[] = {"A=1", NULL};
  pid_t child = 0;
  if (posix_spawn(&child, "/bin/true", NULL, NULL, argv, env) != 0) {
    return 0;
  }
  int status = 0;
  waitpid(child, &status, 0);
  return 1;
}

static void find_limit(void) {
  const struct rlimit stack = {1 << 20, 1 << 20};
  setrlimit(RLIMIT_STACK, &stack);
  size_t low = 1000;
  size_t high = 2 << 20;
  while (low + 1 < high) {
    const size_t middle = (low + high) / 2;
    if (fits(middle)) {
      low = middle;
    } else {
      high = middle;
    }
  }
  printf("the most that fits: %zu\n", low);
}

/* What a vfork child maps is its parent's: it must not add up. */
static void repeat(void) {
  char** env = choose_environment("20000");
  char* argv[] = {g_self, "exit", "0", NULL};
  volatile long before = 0;
  for (volatile int i = 0; i < 40; ++i) {
    const pid_t child = vfork();
    if (child == 0) {
      execve(g_self, argv, env);
      _exit(99);
    }
    waitpid(child, NULL, 0);
    long pages = 0;
    FILE* file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld", &pages) != 1) {
      abort();
    }
    fclose(file);
    if (i == 3) {
      before = pages;
    }
    if (i == 39) {
      printf("%ld pages more\n", pages - before);
    }
  }
}

static void* run_system(void* argument) {
  (void)!system("sleep 1; echo ended");
  pthread_testcancel();
  return argument;
}

static void cancel(void) {
  pthread_t thread;
  void* result = NULL;
  pthread_create(&thread, NULL, run_system, NULL);
  usleep(300000);
  pthread_cancel(thread);
  pthread_join(thread, &result);
  printf("cancelled %d\n", result == PTHREAD_CANCELED);
}

static void* spawn_some(void* argument) {
  long* sum = argument;
  char* env[] = {NULL};
  for (volatile int i = 0; i < 25; ++i) {
    char code[16];
    char* argv[] = {g_self, "exit", code, NULL};
    snprintf(code, sizeof(code), "%d", i);
    pid_t child = 0;
    int status = 0;
    if (i % 3 == 0) {
      child = vfork();
      if (child == 0) {
        execve(g_self, argv, env);
        _exit(99);
      }
    } else if (i % 3 == 1) {
      child = fork();
      if (child == 0) {
        execve(g_self, argv, env);
        _exit(99);
      }
    } else if (posix_spawn(&child, g_self, NULL, NULL, argv, env) != 0) {
      *sum = -1;
      return NULL;
    }
    waitpid(child, &status, 0);
    *sum += WEXITSTATUS(status);
  }
  return NULL;
}

static void threads(void) {
  pthread_t thread[8];
  long sums[8] = {0};
  for (int i = 0; i < 8; ++i) {
    pthread_create(&thread[i], NULL, spawn_some, &sums[i]);
  }
  for (int i = 0; i < 8; ++i) {
    pthread_join(thread[i], NULL);
    printf("%ld\n", sums[i]);
  }
}

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  g_self = argc > 0 ? argv[0] : "";
  const char* way = argc > 1 ? argv[1] : "";
  if (argc < 2 || is(way, "show")) {
    return show(argc, argv);
  }
  if (is(way, "count")) {
    return count_environment();
  }
  if (is(way, "exit")) {
    return atoi(argv[2]);
  }
  if (is(way, "shells")) {
    shells();
  } else if (is(way, "waits")) {
    waits();
  } else if (is(way, "limit")) {
    find_limit();
  } else if (is(way, "repeat")) {
    repeat();
  } else if (is(way, "cancel")) {
    cancel();
  } else if (is(way, "threads")) {
    threads();
  } else if (argc > 4) {
    printf("%s %s %s %s:", way, argv[2], argv[3], argv[4]);
    fflush(stdout);
    char** env = choose_environment(argv[3]);
    if (strstr(way, "spawn") != NULL) {
      spawn(way, env, argv + 4);
    } else {
      replace_in_child(way, argv[2], env, argv + 4);
    }
  }
  return 0;
}

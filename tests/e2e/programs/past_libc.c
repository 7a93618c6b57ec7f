/* SPDX-License-Identifier: Apache-2.0
 *
 * Starts a program in the ways that pass by the functions of the C library, as they are exported.
 *
 *   past_libc WAY FILE [ARGUMENT...]   its exit status; "detached": it is not waited for
 *   past_libc numbers | handles        what syscall and dlsym answer
 *
 * With VTN_GO_NOTE it has the note by which a Go program is known.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef VTN_GO_NOTE
__asm__(
    ".section .note.go.buildid,\"a\",@note\n"
    ".balign 4\n"
    ".long 4, 8, 4\n"
    ".asciz \"Go\\0\"\n"
    ".asciz \"testing\"\n"
    ".previous\n");
#endif

extern char** environ;

static long instruction(long number, const void* a, const void* b, const void* c) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c)
                   : "rcx", "r11", "memory");
  return result;
}

static int is(const char* way, const char* name) { return strcmp(way, name) == 0; }

static void* of_libc(const char* name) { return dlsym(dlopen("libc.so.6", RTLD_LAZY), name); }

static void replace(const char* way, char** argv, char** main_environment) {
  static char* const none[] = {NULL};
  typedef int (*execve_fn)(const char*, char* const*, char* const*);
  if (is(way, "syscall")) {
    (void)syscall(SYS_execve, argv[0], argv, environ);
  } else if (is(way, "syscall_empty")) {
    (void)syscall(SYS_execve, argv[0], argv, none);
  } else if (is(way, "syscall_main")) {
    (void)syscall(SYS_execve, argv[0], argv, main_environment);
  } else if (is(way, "syscall_at")) {
    (void)syscall(SYS_execveat, AT_FDCWD, argv[0], argv, none, 0);
  } else if (is(way, "handle")) {
    (void)((execve_fn)of_libc("execve"))(argv[0], argv, none);
  } else if (strncmp(way, "instruction", 11) == 0) {
    (void)instruction(SYS_execve, argv[0], argv, environ);
  }
}

static int start(const char* way, char** argv, char** main_environment) {
  typedef int (*spawn_fn)(
      pid_t*, const char*, const void*, const void*, char* const*, char* const*);
  pid_t child = 0;
  if (is(way, "handle_spawn")) {
    if (((spawn_fn)of_libc("posix_spawn"))(&child, argv[0], NULL, NULL, argv, environ) != 0) {
      return 1;
    }
  } else if (is(way, "handle_system")) {
    char command[1000] = "";
    for (; *argv != NULL; ++argv) {
      strcat(strcat(command, *argv), " ");
    }
    return WEXITSTATUS(((int (*)(const char*))of_libc("system"))(command));
  } else if ((child = fork()) == 0) {
    replace(way, argv, main_environment);
    _exit(9);
  }
  int status = 0;
  if (is(way, "instruction_detached")) {
    return 0;
  }
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

static void numbers(void) {
  errno = 7;
  long result = syscall(SYS_getpid);
  printf("pid %d errno %d\n", result == getpid(), errno);
  result = syscall(SYS_close, -1);
  printf("close %ld errno %d\n", result, errno);
  result = syscall(100000, 0);
  printf("none %ld errno %d\n", result, errno);
  result = syscall(SYS_execve, "/no/such/file", NULL, NULL);
  printf("execve %ld errno %d\n", result, errno);
  /* Of six arguments; the last is on the stack. */
  char* page = (char*)syscall(
      SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
  printf("mmap %d\n", page != MAP_FAILED && (page[5] = 1));
  char name[] = "/tmp/past_libc-XXXXXX";
  const int fd = mkstemp(name);
  (void)unlink(name);
  (void)!write(fd, "0123456789", 10);
  (void)ftruncate(fd, 8192);
  (void)pwrite(fd, "second", 6, 4096);
  page = (char*)syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 4096L);
  printf("mmap %s\n", page == MAP_FAILED ? "failed" : page);
  fflush(stdout);
  const long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) {
    (void)syscall(SYS_exit_group, 5);
  }
  int status = 0;
  waitpid((pid_t)child, &status, 0);
  printf("clone %x\n", status);
  fflush(stdout);
  (void)syscall(SYS_exit_group, 6);
}

static void handles(void) {
  printf("execve %d\n", of_libc("execve") == (void*)execve);
  printf("posix_spawn %d\n", of_libc("posix_spawn") == (void*)posix_spawn);
  printf("syscall %d\n", of_libc("syscall") == (void*)syscall);
  printf("dlsym %d\n", of_libc("dlsym") == dlsym(RTLD_DEFAULT, "dlsym"));
  printf("default %d\n", dlsym(RTLD_DEFAULT, "execve") == (void*)execve);
  printf("next %d\n", dlsym(RTLD_NEXT, "getenv") == (void*)getenv);
  printf("null %d\n", dlsym(dlopen(NULL, RTLD_LAZY), "execve") == (void*)execve);
  printf("absent %p\n", of_libc("no_such_function"));
  printf("error %s\n", dlerror());
  printf("absent %p\n", dlsym(RTLD_NEXT, "no_such_function"));
  const char* error = dlerror();
  printf("error %s\n", error != NULL ? strrchr(error, ':') : "none");
  char line[100] = "";
  FILE* stream =
      ((FILE * (*)(const char*, const char*)) of_libc("popen"))("echo piped; exit 3", "r");
  printf("popen %s", fgets(line, sizeof(line), stream));
  printf("pclose %x\n", ((int (*)(FILE*))of_libc("pclose"))(stream));
}

int main(int argc, char** argv, char** main_environment) {
  if (argc > 2) {
    return start(argv[1], argv + 2, main_environment);
  }
  if (argc > 1 && is(argv[1], "numbers")) {
    numbers();
  } else if (argc > 1 && is(argv[1], "handles")) {
    handles();
  } else {
    puts(getenv("LD_PRELOAD") != NULL ? "preloaded" : "alone");
  }
  return 0;
}

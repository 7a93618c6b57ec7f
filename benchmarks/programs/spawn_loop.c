/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn_loop COUNT PROGRAM [ARGUMENT...]: starts a program COUNT times, one after the other, and
 * prints the mean time from posix_spawn to waitpid, in microseconds.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char** environ;

static double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: spawn_loop COUNT PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  const int count = atoi(argv[1]);
  const double start_us = now_us();
  for (int i = 0; i < count; ++i) {
    pid_t pid;
    int status;
    if (posix_spawn(&pid, argv[2], NULL, NULL, argv + 2, environ) != 0 ||
        waitpid(pid, &status, 0) != pid || status != 0) {
      fprintf(stderr, "spawn_loop: %s failed\n", argv[2]);
      return 1;
    }
  }
  printf("%.1f\n", (now_us() - start_us) / count);
  return 0;
}

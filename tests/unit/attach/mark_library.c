/* SPDX-License-Identifier: Apache-2.0
 *
 * Says that it has been loaded: a byte for each time, in the file that VTN_MARK names. With
 * VTN_MARK_SLEEP_MS it takes its time first.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

__attribute__((constructor)) static void say_that_we_are_loaded(void) {
  const char* sleep_ms = getenv("VTN_MARK_SLEEP_MS");
  if (sleep_ms != NULL) {
    const long ms = atol(sleep_ms);
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&time, &time) != 0) {
    }
  }
  const char* path = getenv("VTN_MARK");
  const int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
  if (fd >= 0) {
    const ssize_t done = write(fd, "x", 1);
    (void)done;
    (void)close(fd);
  }
}

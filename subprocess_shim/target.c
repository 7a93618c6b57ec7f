/* SPDX-License-Identifier: Apache-2.0 */
#include "subprocess_shim/target.h"

#include <elf.h>
#include <linux/stat.h>

#include <asm/stat.h>

#include "abi/python_arguments.h"
#include "base/freestanding/pattern.h"
#include "subprocess_shim/environment.h"
#include "subprocess_shim/program_file.h"
#include "subprocess_shim/raw.h"
#include "subprocess_shim/settings.h"
#include "subprocess_shim/slots.h"

#define MAY_EXECUTE 1 /* X_OK */
#define HEAD_BYTES 1024
#define LINE_BYTES 256 /* the kernel reads no more of a `#!` line */
#define MOST_SCRIPT_LEVELS 4

/* The interpreter that a `#!` line names, in place; NULL: it is no such line. */
static char* interpreter_of(char* head, long bytes) {
  if (bytes < 3 || head[0] != '#' || head[1] != '!') {
    return NULL;
  }
  head[bytes < LINE_BYTES ? bytes : LINE_BYTES - 1] = 0;
  char* begin = head + 2;
  while (*begin == ' ' || *begin == '\t') {
    ++begin;
  }
  char* end = begin;
  while (*end != 0 && *end != ' ' && *end != '\t' && *end != '\n') {
    ++end;
  }
  *end = 0;
  return end == begin ? NULL : begin;
}

/* ---- --exclude_process */

static int matches_any(const char* text, vtn_strings more) {
  for (const char* pattern = vtn_next_excluded(NULL); pattern != NULL;
       pattern = vtn_next_excluded(pattern)) {
    if (vtn_pattern_matches(pattern, text, more)) {
      return 1;
    }
  }
  return 0;
}

/* What a python is told to run: the file's base name or the module's name. NULL: neither. */
static const char* script_of(vtn_strings argv) {
  const char* what = NULL;
  const int runs = vtn_python_target((const char* const*)argv, &what);
  return runs == VTN_RUNS_SCRIPT ? vtn_base_name(what) : runs == VTN_RUNS_MODULE ? what : NULL;
}

static int excluded(const char* path, vtn_strings argv) {
  if (vtn_next_excluded(NULL) == NULL) {
    return 0;
  }
  if (matches_any(vtn_base_name(path), NULL)) {
    return 1;
  }
  if (argv == NULL || argv[0] == NULL) {
    return 0;
  }
  if (matches_any(argv[0], argv + 1)) {
    return 1;
  }
  const char* script = vtn_starts_with(vtn_base_name(path), "python") ? script_of(argv) : NULL;
  return script != NULL && matches_any(script, NULL);
}

/* ---- the look */

/* Of the file alone. Follows `#!` lines down to what the kernel loads. */
static uint32_t look_at_file(const vtn_target* target, int* exists, int* wanted, int* is_host) {
  char head[HEAD_BYTES] __attribute__((aligned(16)));
  char interpreter[LINE_BYTES];
  int folder = target->folder;
  const char* path = target->path;
  for (int level = 0; level <= MOST_SCRIPT_LEVELS; ++level) {
    if (path[0] == 0 && level > 0) {
      break;
    }
    char reopened[32] = "/proc/self/fd/";
    if (path[0] == 0) {
      /* What `folder` has open may be open for execution only. */
      char* end = reopened + vtn_length(reopened);
      char digits[12];
      int count = 0;
      for (unsigned fd = (unsigned)folder; count == 0 || fd != 0; fd /= 10) {
        digits[count++] = (char)('0' + fd % 10);
      }
      while (count > 0) {
        *end++ = digits[--count];
      }
      *end = 0;
      path = reopened;
    }
    const int fd = (int)vtn_open(folder, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
      /* Absent, or not for us to read: programs that can only be executed are still started. */
      if (level == 0) {
        *exists = fd != -ENOENT && fd != -ENOTDIR &&
                  vtn_call3(SYS_faccessat, folder, (long)path, MAY_EXECUTE) == 0;
      }
      return VTN_UNTRACED_NONE;
    }
    struct stat info;
    long bytes = -1;
    if (vtn_call3(SYS_fstat, fd, (long)&info, 0) == 0 && (info.st_mode & S_IFMT) == S_IFREG) {
      bytes = vtn_call4(SYS_pread64, fd, (long)head, sizeof(head), 0);
      if (level == 0) {
        *exists = (info.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;
        *is_host = vtn_control()->host_inode != 0 && info.st_ino == vtn_control()->host_inode &&
                   info.st_dev == vtn_control()->host_device;
      }
    }
    if (bytes >= 4 && vtn_starts_with(head, ELFMAG)) {
      const vtn_file_rights rights = {info.st_mode, info.st_uid, info.st_gid};
      const uint32_t reason = vtn_look_at_program(fd, head, bytes, &rights);
      vtn_close(fd);
      return reason;
    }
    vtn_close(fd);
    const char* next = bytes > 0 ? interpreter_of(head, bytes) : NULL;
    if (next == NULL) {
      break; /* no program, or text that execvp(3) has /bin/sh read */
    }
    vtn_copy(interpreter, next, vtn_length(next) + 1);
    folder = AT_FDCWD;
    path = interpreter;
    if (matches_any(vtn_base_name(path), NULL)) {
      *wanted = 0;
    }
  }
  return VTN_UNTRACED_NONE;
}

vtn_verdict vtn_look_at(const vtn_target* target) {
  vtn_verdict verdict = {VTN_UNTRACED_NONE, 1, 0, NULL};
  int wanted = !excluded(target->path, target->argv);
  int is_host = 0;
  const uint32_t found = look_at_file(target, &verdict.exists, &wanted, &is_host);
  if (is_host) {
    /* Without an interpreter behind it the host has to do, and finds its library through us. */
    verdict.instead = vtn_control()->host[0] != 0 ? vtn_control()->host : NULL;
    return verdict;
  }
  const char* own_switch = vtn_environment_get(target->environment, "VIZTRACER_NATIVE");
  /* What the user wants comes before what the file is: it holds for all that the program starts. */
  if (vtn_not_wanted(target->in_child)) {
    verdict.reason = VTN_UNTRACED_NOT_WANTED;
  } else if (own_switch != NULL && vtn_equal(own_switch, "0")) {
    verdict.reason = VTN_UNTRACED_SWITCHED_OFF;
  } else if (!wanted) {
    verdict.reason = VTN_UNTRACED_EXCLUDED;
  } else if (vtn_environment_get(target->environment, "LD_TRACE_LOADED_OBJECTS") != NULL) {
    verdict.reason = VTN_UNTRACED_LOADER;
  } else {
    verdict.reason = found;
  }
  verdict.carries = vtn_is_carried(verdict.reason);
  if (verdict.carries && !vtn_environment_reachable()) {
    verdict.carries = 0;
    if (verdict.reason == VTN_UNTRACED_NONE) {
      verdict.reason = VTN_UNTRACED_UNREACHABLE;
    }
  }
  return verdict;
}

/* ---- PATH */

static int may_be_run(const char* path) {
  struct stat info;
  return vtn_call4(SYS_newfstatat, AT_FDCWD, (long)path, (long)&info, 0) == 0 &&
         (info.st_mode & S_IFMT) == S_IFREG &&
         vtn_call3(SYS_faccessat, AT_FDCWD, (long)path, MAY_EXECUTE) == 0;
}

const char* vtn_find_on_path(const char* name, char* buffer) {
  const size_t name_bytes = vtn_length(name);
  if (name_bytes == 0 || vtn_last_slash(name) >= 0) {
    return name;
  }
  const char* folder = vtn_environment_get(vtn_environ(), "PATH");
  if (folder == NULL) {
    folder = "/bin:/usr/bin";
  }
  for (;;) {
    size_t bytes = 0;
    while (folder[bytes] != 0 && folder[bytes] != ':') {
      ++bytes;
    }
    if (bytes + name_bytes + 2 <= VTN_PATH_BYTES) {
      vtn_copy(buffer, folder, bytes);
      buffer[bytes] = '/';
      char* base = buffer + bytes + (bytes != 0);
      vtn_copy(base, name, name_bytes + 1);
      if (may_be_run(buffer)) {
        return buffer;
      }
    }
    if (folder[bytes] == 0) {
      return name;
    }
    folder += bytes + 1;
  }
}

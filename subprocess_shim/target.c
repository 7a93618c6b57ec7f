/* SPDX-License-Identifier: Apache-2.0 */
#include "subprocess_shim/target.h"

#include <elf.h>
#include <linux/stat.h>

#include <asm/stat.h>

#include "abi/python_arguments.h"
#include "subprocess_shim/environment.h"
#include "subprocess_shim/pattern.h"
#include "subprocess_shim/raw.h"
#include "subprocess_shim/settings.h"
#include "subprocess_shim/slots.h"

#define MAY_EXECUTE 1 /* X_OK */
#define HEAD_BYTES 1024
#define LINE_BYTES 256 /* the kernel reads no more of a `#!` line */
#define MOST_SCRIPT_LEVELS 4
#define MOST_SEGMENTS 32
#define MOST_LIBRARIES 64

typedef struct {
  int fd;
  const char* head; /* its first bytes, as read */
  uint64_t head_bytes;
  const Elf64_Phdr* segments;
  int count;
} elf_file;

/* Every start of a program pays for each call into the kernel here. */
static long read_at(const elf_file* file, void* to, size_t bytes, uint64_t offset) {
  if (offset <= file->head_bytes && bytes <= file->head_bytes - offset) {
    vtn_copy(to, file->head + offset, bytes);
    return (long)bytes;
  }
  return vtn_call4(SYS_pread64, file->fd, (long)to, (long)bytes, (long)offset);
}

static const Elf64_Phdr* segment_of_type(const elf_file* file, uint32_t type) {
  for (int i = 0; i < file->count; ++i) {
    if (file->segments[i].p_type == type) {
      return &file->segments[i];
    }
  }
  return NULL;
}

static uint64_t offset_of(const elf_file* file, uint64_t address) {
  for (int i = 0; i < file->count; ++i) {
    const Elf64_Phdr* segment = &file->segments[i];
    if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
        address - segment->p_vaddr < segment->p_filesz) {
      return address - segment->p_vaddr + segment->p_offset;
    }
  }
  return 0;
}

/* Whether one of the names (DT_NEEDED, DT_SONAME) that the file gives begins so. */
static int names(const elf_file* file, int64_t tag, const char* prefix) {
  const Elf64_Phdr* dynamic = segment_of_type(file, PT_DYNAMIC);
  if (dynamic == NULL) {
    return 0;
  }
  uint64_t offsets[MOST_LIBRARIES];
  int found = 0;
  uint64_t strings = 0;
  Elf64_Dyn entries[32];
  int ended = 0;
  for (uint64_t at = 0; at < dynamic->p_filesz && !ended; at += sizeof(entries)) {
    const long bytes = read_at(file, entries, sizeof(entries), dynamic->p_offset + at);
    const long count = bytes <= 0 ? 0 : bytes / (long)sizeof(Elf64_Dyn);
    for (long i = 0; i < count && !ended; ++i) {
      if (entries[i].d_tag == DT_NULL) {
        ended = 1;
      } else if (entries[i].d_tag == DT_STRTAB) {
        strings = offset_of(file, entries[i].d_un.d_ptr);
      } else if (entries[i].d_tag == tag && found < MOST_LIBRARIES) {
        offsets[found++] = entries[i].d_un.d_val;
      }
    }
    ended |= count < (long)(sizeof(entries) / sizeof(entries[0]));
  }
  for (int i = 0; i < found && strings != 0; ++i) {
    char name[32];
    const long bytes = read_at(file, name, sizeof(name) - 1, strings + offsets[i]);
    name[bytes < 0 ? 0 : bytes] = 0;
    if (vtn_starts_with(vtn_base_name(name), prefix)) {
      return 1;
    }
  }
  return 0;
}

static uint32_t look_at_elf(int fd, const char* head, long head_bytes) {
  const Elf64_Ehdr* elf = (const Elf64_Ehdr*)(const void*)head;
  if (head_bytes < (long)sizeof(*elf) || elf->e_ident[EI_CLASS] != ELFCLASS64 ||
      elf->e_ident[EI_DATA] != ELFDATA2LSB || elf->e_machine != EM_X86_64) {
    return VTN_UNTRACED_FOREIGN;
  }
  Elf64_Phdr segments[MOST_SEGMENTS];
  elf_file file = {fd,
                   head,
                   (uint64_t)head_bytes,
                   segments,
                   elf->e_phnum < MOST_SEGMENTS ? elf->e_phnum : MOST_SEGMENTS};
  const size_t bytes = (size_t)file.count * sizeof(Elf64_Phdr);
  if (elf->e_phentsize != sizeof(Elf64_Phdr)) {
    return VTN_UNTRACED_NONE;
  }
  if (read_at(&file, segments, bytes, elf->e_phoff) != (long)bytes) {
    return VTN_UNTRACED_NONE;
  }
  const Elf64_Phdr* interpreter = segment_of_type(&file, PT_INTERP);
  if (interpreter == NULL) {
    return elf->e_type == ET_DYN && names(&file, DT_SONAME, "ld-") ? VTN_UNTRACED_LOADER
                                                                   : VTN_UNTRACED_STATIC;
  }
  char loader[LINE_BYTES];
  const size_t most = sizeof(loader) - 1;
  const long loader_bytes =
      read_at(&file,
              loader,
              interpreter->p_filesz < most ? (size_t)interpreter->p_filesz : most,
              interpreter->p_offset);
  loader[loader_bytes < 0 ? 0 : loader_bytes] = 0;
  const char* name = vtn_base_name(loader);
  if (!vtn_equal(name, "ld-linux-x86-64.so.2") && !vtn_equal(name, "ld-musl-x86_64.so.1")) {
    return VTN_UNTRACED_FOREIGN;
  }
  return names(&file, DT_NEEDED, "libasan.so") ? VTN_UNTRACED_SANITIZER : VTN_UNTRACED_NONE;
}

/* Whether the kernel gives the program rights that its starter lacks: its loader then drops what
 * does not lie in the system's own folders, silently. */
static int gains_rights(int fd, const struct stat* info) {
  const uint32_t uid = (uint32_t)vtn_call3(SYS_getuid, 0, 0, 0);
  if (((info->st_mode & S_ISUID) != 0 && info->st_uid != uid) ||
      ((info->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
       info->st_gid != (uint32_t)vtn_call3(SYS_getgid, 0, 0, 0))) {
    return 1;
  }
  return uid != 0 && vtn_call4(SYS_fgetxattr, fd, (long)"security.capability", 0, 0) > 0;
}

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
      uint32_t reason = look_at_elf(fd, head, bytes);
      if (reason == VTN_UNTRACED_NONE && gains_rights(fd, &info)) {
        reason = VTN_UNTRACED_SETUID;
      }
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
  verdict.carries = verdict.reason == VTN_UNTRACED_NONE || verdict.reason == VTN_UNTRACED_STATIC ||
                    verdict.reason == VTN_UNTRACED_SETUID;
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

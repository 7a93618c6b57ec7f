/* SPDX-License-Identifier: Apache-2.0 */
#include "subprocess_shim/program_file.h"

#include <elf.h>
#include <linux/stat.h>

#include "subprocess_shim/raw.h"

#define LOADER_BYTES 256
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
  char loader[LOADER_BYTES];
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
static int gains_rights(int fd, const vtn_file_rights* rights) {
  const uint32_t uid = (uint32_t)vtn_call3(SYS_getuid, 0, 0, 0);
  if (((rights->mode & S_ISUID) != 0 && rights->uid != uid) ||
      ((rights->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
       rights->gid != (uint32_t)vtn_call3(SYS_getgid, 0, 0, 0))) {
    return 1;
  }
  return uid != 0 && vtn_call4(SYS_fgetxattr, fd, (long)"security.capability", 0, 0) > 0;
}

uint32_t vtn_look_at_program(int fd,
                             const char* head,
                             long head_bytes,
                             const vtn_file_rights* rights) {
  const uint32_t reason = look_at_elf(fd, head, head_bytes);
  return reason == VTN_UNTRACED_NONE && gains_rights(fd, rights) ? VTN_UNTRACED_SETUID : reason;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "subprocess_shim/go_program.h"

#include "subprocess_shim/raw.h"

#define GO_BUILD_ID 4
#define GO_NAME "Go" /* in the note with a NUL, and one more that fills the word up */

/* glibc's and musl's. */
__attribute__((weak)) extern unsigned long getauxval(unsigned long type);

static size_t in_words(size_t bytes) { return (bytes + 3) & ~(size_t)3; }

int vtn_has_go_note(const Elf64_Phdr* segments, size_t count, const char* base) {
  for (size_t i = 0; i < count; ++i) {
    if (segments[i].p_type != PT_NOTE) {
      continue;
    }
    const char* at = base + segments[i].p_vaddr;
    size_t left = segments[i].p_filesz;
    while (left >= sizeof(Elf64_Nhdr)) {
      const Elf64_Nhdr* note = (const Elf64_Nhdr*)(const void*)at;
      const size_t bytes = sizeof(*note) + in_words(note->n_namesz) + in_words(note->n_descsz);
      if (bytes > left) {
        break;
      }
      if (note->n_type == GO_BUILD_ID && note->n_namesz == 4 &&
          vtn_equal((const char*)(note + 1), GO_NAME)) {
        return 1;
      }
      at += bytes;
      left -= bytes;
    }
  }
  return 0;
}

int vtn_is_go_program(void) {
  if (&getauxval == NULL || getauxval(AT_PHENT) != sizeof(Elf64_Phdr)) {
    return 0;
  }
  const Elf64_Phdr* segments = (const Elf64_Phdr*)getauxval(AT_PHDR);
  const size_t count = getauxval(AT_PHNUM);
  for (size_t i = 0; segments != NULL && i < count; ++i) {
    if (segments[i].p_type == PT_PHDR) {
      return vtn_has_go_note(segments, count, (const char*)segments - segments[i].p_vaddr);
    }
  }
  return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * dlsym(3): who opens the C library by its name and asks that handle for `execve` means the
 * function that everybody calls, and gets it: ours. All other questions go to the real one by a
 * jump, for what RTLD_NEXT finds depends on who calls.
 *
 * So the real one cannot be imported. It is found as the loader would find it: in the first object
 * behind this one that has it.
 */
#include <elf.h>

#include "subprocess_shim/libc.h"
#include "subprocess_shim/raw.h"

/* The beginning of what glibc and musl pass. */
typedef struct {
  uint64_t base;
  const char* name;
  const Elf64_Phdr* segments;
  uint16_t count;
} object_info;

__attribute__((weak)) extern int dl_iterate_phdr(int (*visit)(object_info*, size_t, void*),
                                                 void* data);

vtn_dlsym_fn vtn_real_dlsym;
int vtn_is_late;

typedef struct {
  int behind_us;
  void* found;
} search;

/* The addresses in a dynamic section are the loader's, which may have added the base or not. */
static const void* at(const object_info* object, uint64_t address) {
  return (const void*)(address < object->base ? object->base + address : address);
}

static void* defined(const object_info* object, const Elf64_Sym* symbol, const char* strings) {
  return symbol->st_shndx != SHN_UNDEF && vtn_equal(strings + symbol->st_name, "dlsym")
             ? (void*)(object->base + symbol->st_value)
             : NULL;
}

static uint32_t hash_of(const char* name) {
  uint32_t hash = 5381;
  for (; *name != 0; ++name) {
    hash = hash * 33 + (unsigned char)*name;
  }
  return hash;
}

static void* find_in(const object_info* object, const Elf64_Dyn* dynamic) {
  const Elf64_Sym* symbols = NULL;
  const char* strings = NULL;
  const uint32_t* gnu_hash = NULL;
  const uint32_t* old_hash = NULL;
  for (; dynamic->d_tag != DT_NULL; ++dynamic) {
    const void* value = at(object, dynamic->d_un.d_ptr);
    if (dynamic->d_tag == DT_SYMTAB) {
      symbols = (const Elf64_Sym*)value;
    } else if (dynamic->d_tag == DT_STRTAB) {
      strings = (const char*)value;
    } else if (dynamic->d_tag == DT_GNU_HASH) {
      gnu_hash = (const uint32_t*)value;
    } else if (dynamic->d_tag == DT_HASH) {
      old_hash = (const uint32_t*)value;
    }
  }
  if (symbols == NULL || strings == NULL) {
    return NULL;
  }
  void* found = NULL;
  if (gnu_hash != NULL && gnu_hash[0] != 0) {
    const uint32_t buckets = gnu_hash[0];
    const uint32_t first = gnu_hash[1];
    const uint32_t* bucket = gnu_hash + 4 + 2 * (size_t)gnu_hash[2]; /* behind the bloom filter */
    const uint32_t* chain = bucket + buckets;
    const uint32_t hash = hash_of("dlsym");
    for (uint32_t i = bucket[hash % buckets]; i >= first && found == NULL; ++i) {
      if (((chain[i - first] ^ hash) & ~1u) == 0) {
        found = defined(object, &symbols[i], strings);
      }
      if ((chain[i - first] & 1u) != 0) {
        break;
      }
    }
    return found;
  }
  for (uint32_t i = 0; old_hash != NULL && i < old_hash[1] && found == NULL; ++i) {
    found = defined(object, &symbols[i], strings);
  }
  return found;
}

static int visit(object_info* object, size_t bytes, void* data) {
  search* result = (search*)data;
  const Elf64_Dyn* dynamic = NULL;
  int is_us = 0;
  (void)bytes;
  for (uint16_t i = 0; i < object->count; ++i) {
    const Elf64_Phdr* segment = &object->segments[i];
    const uint64_t begin = object->base + segment->p_vaddr;
    is_us |= segment->p_type == PT_LOAD && (uint64_t)visit - begin < segment->p_memsz;
    if (segment->p_type == PT_DYNAMIC) {
      dynamic = (const Elf64_Dyn*)begin;
    }
  }
  if (is_us) {
    result->behind_us = 1;
  } else if (result->behind_us && dynamic != NULL) {
    result->found = find_in(object, dynamic);
  }
  return result->found != NULL;
}

static void* finds_nothing(void* handle, const char* name) {
  (void)handle;
  (void)name;
  return NULL;
}

__attribute__((used)) vtn_dlsym_fn vtn_find_real_dlsym(void) {
  search result = {0, NULL};
  if (&dl_iterate_phdr != NULL) {
    (void)dl_iterate_phdr(visit, &result);
    if (result.found == NULL) {
      vtn_is_late = 1;
      result.behind_us = 1;
      (void)dl_iterate_phdr(visit, &result);
    }
  }
  vtn_real_dlsym = result.found != NULL ? (vtn_dlsym_fn)result.found : finds_nothing;
  return vtn_real_dlsym;
}

VTN_EXPORT void* dlsym(void* handle, const char* name);

/* Ours, by the name. They are called as what they are by those who asked. */
static void* ours(const char* name) {
#define IS(function)                  \
  {                                   \
    extern void function(void);       \
    if (vtn_equal(name, #function)) { \
      return (void*)function;         \
    }                                 \
  }
  switch (name[0]) {
    case 'd':
      return vtn_equal(name, "dlsym") ? (void*)dlsym : NULL;
    case 'e':
      IS(execve)
      IS(execv) IS(execvp) IS(execvpe) IS(execl) IS(execlp) IS(execle) IS(execveat) break;
    case 'f':
      IS(fexecve) IS(fclose) break;
    case 'p':
      IS(posix_spawn) IS(posix_spawnp) IS(pidfd_spawn) IS(pidfd_spawnp) IS(popen) IS(pclose) break;
    case 's':
      IS(system) IS(syscall) break;
    case '_':
      IS(_exit) IS(_Exit) break;
    default:
      break;
  }
#undef IS
  return NULL;
}

/* What is to be answered instead of what is found; NULL: nothing. */
__attribute__((used, visibility("hidden"))) void* vtn_dlsym_instead(void* handle,
                                                                    const char* name) {
  void* own = name == NULL ? NULL : ours(name);
  if (own == NULL) {
    return NULL;
  }
  /* Only if the handle leads to the very function that ours stands before. */
  void* found = vtn_dlsym(handle, name);
  return found != NULL && found == vtn_dlsym(VTN_RTLD_NEXT, name) ? own : NULL;
}

/* RTLD_DEFAULT and RTLD_NEXT, 0 and -1, are answered rightly by the real one. */
VTN_EXPORT __attribute__((naked)) void* dlsym(void* handle VTN_UNUSED,
                                              const char* name VTN_UNUSED) {
  __asm__(
      "leaq 1(%rdi), %rax\n\t"
      "cmpq $1, %rax\n\t"
      "jbe 1f\n\t"
      "pushq %rdi\n\t"
      "pushq %rsi\n\t"
      "subq $8, %rsp\n\t"
      "call vtn_dlsym_instead\n\t"
      "addq $8, %rsp\n\t"
      "popq %rsi\n\t"
      "popq %rdi\n\t"
      "testq %rax, %rax\n\t"
      "jnz 2f\n"
      "1:\n\t"
      "movq vtn_real_dlsym(%rip), %rax\n\t"
      "testq %rax, %rax\n\t"
      "jz 3f\n\t"
      "jmp *%rax\n"
      "2:\n\t"
      "ret\n"
      "3:\n\t"
      "pushq %rdi\n\t"
      "pushq %rsi\n\t"
      "subq $8, %rsp\n\t"
      "call vtn_find_real_dlsym\n\t"
      "addq $8, %rsp\n\t"
      "popq %rsi\n\t"
      "popq %rdi\n\t"
      "jmp *%rax");
}

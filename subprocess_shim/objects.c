/* SPDX-License-Identifier: Apache-2.0 */
#include "subprocess_shim/objects.h"

#include "subprocess_shim/raw.h"

#define OLDER_VERSION 0x8000 /* of a function that has a newer one by the same name */

__attribute__((weak)) extern int dl_iterate_phdr(vtn_visit_fn visit, void* data);

void vtn_visit_objects(vtn_visit_fn visit, void* data) {
  if (&dl_iterate_phdr != NULL) {
    (void)dl_iterate_phdr(visit, data);
  }
}

/* The addresses in a dynamic section are the loader's, which may have added the base or not. */
static const void* at(const vtn_object* object, uint64_t address) {
  return (const void*)(address < object->base ? object->base + address : address);
}

vtn_dynamic vtn_read_dynamic(const vtn_object* object) {
  vtn_dynamic found = {0};
  const Elf64_Dyn* entry = NULL;
  size_t relative = 0;
  int calls_are_rela = 0;
  for (uint16_t i = 0; i < object->count; ++i) {
    if (object->segments[i].p_type == PT_DYNAMIC) {
      entry = (const Elf64_Dyn*)(object->base + object->segments[i].p_vaddr);
    }
  }
  for (; entry != NULL && entry->d_tag != DT_NULL; ++entry) {
    const uint64_t value = entry->d_un.d_val;
    switch (entry->d_tag) {
      case DT_SYMTAB:
        found.symbols = (const Elf64_Sym*)at(object, value);
        break;
      case DT_STRTAB:
        found.strings = (const char*)at(object, value);
        break;
      case DT_VERSYM:
        found.versions = (const uint16_t*)at(object, value);
        break;
      case DT_GNU_HASH:
        found.gnu_hash = (const uint32_t*)at(object, value);
        break;
      case DT_HASH:
        found.old_hash = (const uint32_t*)at(object, value);
        break;
      case DT_RELA:
        found.relocations = (const Elf64_Rela*)at(object, value);
        break;
      case DT_RELASZ:
        found.relocation_count = value / sizeof(Elf64_Rela);
        break;
      case DT_RELACOUNT: /* these have no symbol, and come first */
        relative = value;
        break;
      case DT_JMPREL:
        found.calls = (const Elf64_Rela*)at(object, value);
        break;
      case DT_PLTRELSZ:
        found.call_count = value / sizeof(Elf64_Rela);
        break;
      case DT_PLTREL:
        calls_are_rela = value == DT_RELA;
        break;
      default:
        break;
    }
  }
  if (found.relocations == NULL || relative > found.relocation_count) {
    found.relocation_count = 0;
  } else {
    found.relocations += relative;
    found.relocation_count -= relative;
  }
  if (found.calls == NULL || !calls_are_rela) {
    found.call_count = 0;
  }
  return found;
}

int vtn_is_within(const vtn_object* object, uint64_t address) {
  for (uint16_t i = 0; i < object->count; ++i) {
    const Elf64_Phdr* segment = &object->segments[i];
    if (segment->p_type == PT_LOAD &&
        address - (object->base + segment->p_vaddr) < segment->p_memsz) {
      return 1;
    }
  }
  return 0;
}

/* ---- by name */

typedef struct {
  const char* name;
  uint32_t hash;
  int seen_us;
  void* found;
} search;

static void* defined(const vtn_object* object,
                     const vtn_dynamic* dynamic,
                     uint32_t index,
                     const char* name) {
  const Elf64_Sym* symbol = &dynamic->symbols[index];
  const int is_older = dynamic->versions != NULL && (dynamic->versions[index] & OLDER_VERSION) != 0;
  return symbol->st_shndx != SHN_UNDEF && !is_older &&
                 vtn_equal(dynamic->strings + symbol->st_name, name)
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

static void* find_in(const vtn_object* object, const search* wanted) {
  const vtn_dynamic dynamic = vtn_read_dynamic(object);
  if (dynamic.symbols == NULL || dynamic.strings == NULL) {
    return NULL;
  }
  void* found = NULL;
  if (dynamic.gnu_hash != NULL && dynamic.gnu_hash[0] != 0) {
    const uint32_t buckets = dynamic.gnu_hash[0];
    const uint32_t first = dynamic.gnu_hash[1];
    /* Behind the bloom filter. */
    const uint32_t* bucket = dynamic.gnu_hash + 4 + 2 * (size_t)dynamic.gnu_hash[2];
    const uint32_t* chain = bucket + buckets;
    for (uint32_t i = bucket[wanted->hash % buckets]; i >= first && found == NULL; ++i) {
      if (((chain[i - first] ^ wanted->hash) & ~1u) == 0) {
        found = defined(object, &dynamic, i, wanted->name);
      }
      if ((chain[i - first] & 1u) != 0) {
        break;
      }
    }
    return found;
  }
  for (uint32_t i = 0; dynamic.old_hash != NULL && i < dynamic.old_hash[1] && found == NULL; ++i) {
    found = defined(object, &dynamic, i, wanted->name);
  }
  return found;
}

static int visit(vtn_object* object, size_t bytes, void* data) {
  search* wanted = (search*)data;
  (void)bytes;
  if (vtn_is_within(object, (uint64_t)visit)) {
    wanted->seen_us = 1;
  } else if (wanted->seen_us) {
    wanted->found = find_in(object, wanted);
  }
  return wanted->found != NULL;
}

void* vtn_find_defined(const char* name, int behind_us) {
  search wanted = {name, hash_of(name), !behind_us, NULL};
  vtn_visit_objects(visit, &wanted);
  return wanted.found;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The objects that the loader has loaded, and what their dynamic sections say. Reads memory only.
 */
#pragma once

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

/* The beginning of what glibc and musl pass. */
typedef struct {
  uint64_t base;
  const char* name;
  const Elf64_Phdr* segments;
  uint16_t count;
  uint64_t loads; /* of objects, since the process began */
} vtn_object;

/* As dl_iterate_phdr(3), from the first that was loaded on; other than 0 ends it. In glibc one at a
 * time does so, and nothing is loaded or taken out meanwhile. */
typedef int (*vtn_visit_fn)(vtn_object* object, size_t bytes, void* data);
void vtn_visit_objects(vtn_visit_fn visit, void* data);

/* What an object needs to find symbols by. NULL, 0: it has none. */
typedef struct {
  const Elf64_Sym* symbols;
  const char* strings;
  const uint16_t* versions;
  const uint32_t* gnu_hash;
  const uint32_t* old_hash;
  const Elf64_Rela* relocations;
  size_t relocation_count;
  const Elf64_Rela* calls; /* relocations of what is called, bound late perhaps */
  size_t call_count;
} vtn_dynamic;

vtn_dynamic vtn_read_dynamic(const vtn_object* object);

/* Whether an address is of the object. */
int vtn_is_within(const vtn_object* object, uint64_t address);

/* What a name means to whoever calls it from anywhere: in the first object that defines it, of
 * those behind this library, or of all others. NULL: nobody does. (Unlike dlsym it never answers
 * with an executable's own way to a function of another object.) */
void* vtn_find_defined(const char* name, int behind_us);

/* SPDX-License-Identifier: Apache-2.0 */
#include "subprocess_shim/imports.h"

#include "subprocess_shim/raw.h"

#define PAGE_BYTES 4096

/* Asks the kernel, by an atomic operation on it that changes nothing. */
static int is_writable(void** slot) {
  uint32_t nobody = 0;
  return vtn_call6(SYS_futex,
                   (long)&nobody,
                   FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG,
                   0,
                   0,
                   (long)slot,
                   FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0)) >= 0;
}

/* Slots that are filled in for good when an object is loaded are protected afterwards, those of an
 * object that another thread is loading are not yet: these must stay open to it. */
static int store(void** slot, void* value) {
  const long page = (long)slot & -PAGE_BYTES;
  const int is_protected = !is_writable(slot);
  if (is_protected && vtn_call3(SYS_mprotect, page, PAGE_BYTES, PROT_READ | PROT_WRITE) != 0) {
    return 0;
  }
  __atomic_store_n(slot, value, __ATOMIC_RELEASE);
  if (is_protected) {
    (void)vtn_call3(SYS_mprotect, page, PAGE_BYTES, PROT_READ);
  }
  return 1;
}

static const vtn_turn* by_value(const void* value, const vtn_turn* turns, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (turns[i].from == value) {
      return &turns[i];
    }
  }
  return NULL;
}

static const vtn_turn* by_name(const char* name, const vtn_turn* turns, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (turns[i].unbound && vtn_equal(turns[i].name, name)) {
      return &turns[i];
    }
  }
  return NULL;
}

/* 0: the loader is not through with it. */
static int turn_one(const vtn_object* object,
                    const vtn_dynamic* dynamic,
                    const Elf64_Rela* relocation,
                    const vtn_turn* turns,
                    size_t count) {
  const uint32_t type = ELF64_R_TYPE(relocation->r_info);
  if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) {
    return 1;
  }
  void** slot = (void**)(object->base + relocation->r_offset);
  void* value = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
  const vtn_turn* turn = by_value(value, turns, count);
  if (turn != NULL) {
    return store(slot, turn->to);
  }
  /* Otherwise another's function is meant, but where the loader has not come to it. A slot that it
   * fills in at the first call leads into the object itself until then. */
  const int is_unbound = type == R_X86_64_JUMP_SLOT && vtn_is_within(object, (uint64_t)value);
  const int is_untouched =
      object->base != 0 && vtn_is_within(object, object->base + (uint64_t)value);
  if (!is_unbound && !is_untouched) {
    return 1;
  }
  const Elf64_Sym* symbol = &dynamic->symbols[ELF64_R_SYM(relocation->r_info)];
  turn = symbol->st_shndx != SHN_UNDEF ? NULL
                                       : by_name(dynamic->strings + symbol->st_name, turns, count);
  if (turn == NULL) {
    return 1;
  }
  if (is_unbound) {
    return store(slot, turn->to);
  }
  return value == NULL && ELF64_ST_BIND(symbol->st_info) == STB_WEAK; /* it is nowhere */
}

int vtn_turn_imports(const vtn_object* object, const vtn_turn* turns, size_t count) {
  const vtn_dynamic dynamic = vtn_read_dynamic(object);
  int all = 1;
  if (dynamic.symbols == NULL || dynamic.strings == NULL) {
    return 1;
  }
  for (size_t i = 0; i < dynamic.call_count; ++i) {
    all &= turn_one(object, &dynamic, &dynamic.calls[i], turns, count);
  }
  for (size_t i = 0; i < dynamic.relocation_count; ++i) {
    all &= turn_one(object, &dynamic, &dynamic.relocations[i], turns, count);
  }
  return all;
}

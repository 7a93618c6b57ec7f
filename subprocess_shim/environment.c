/* SPDX-License-Identifier: Apache-2.0 */
#include "subprocess_shim/environment.h"

#include "subprocess_shim/raw.h"

#define PRELOAD "LD_PRELOAD="
#define PRELOAD_BYTES (sizeof(PRELOAD) - 1)

#define EFFECTIVE_ACCESS 0x200 /* AT_EACCESS */
#define MAY_READ 4             /* R_OK */
#define FACCESSAT2 439

typedef struct vtn_entry {
  char path[VTN_PATH_BYTES + sizeof("/libvtn.so")];
  size_t bytes;
} vtn_entry;

/* They take turns: another session begins long after whatever was started in the one before. */
static vtn_entry g_entries[2];
static uint32_t g_entry_in_use;

static const vtn_entry* entry_now(void) {
  return &g_entries[__atomic_load_n(&g_entry_in_use, __ATOMIC_ACQUIRE)];
}

/* Where our entry begins in an LD_PRELOAD value that ends with it: at its colon, or at its first
 * letter when there is no other. NULL: it does not end with us. */
static const char* own_part(const vtn_entry* entry, const char* value) {
  const size_t bytes = vtn_length(value);
  if (entry->bytes == 0 || bytes < entry->bytes) {
    return NULL;
  }
  const char* at = value + bytes - entry->bytes;
  if (!vtn_equal(at, entry->path)) {
    return NULL;
  }
  if (at == value) {
    return at;
  }
  return at[-1] == ':' || at[-1] == ' ' ? at - 1 : NULL;
}

/* Nobody else had set the variable: an empty value of the user's own would have left a colon. */
static int is_all_ours(const char* value, const char* own) { return own == value && *own == '/'; }

int vtn_environment_name(const char* own_path) {
  const size_t bytes = vtn_length(own_path);
  const uint32_t next = 1 - g_entry_in_use;
  if (bytes >= sizeof(g_entries[0].path)) {
    return 0;
  }
  vtn_copy(g_entries[next].path, own_path, bytes + 1);
  g_entries[next].bytes = bytes;
  __atomic_store_n(&g_entry_in_use, next, __ATOMIC_RELEASE);
  return 1;
}

void vtn_environment_hide(void) {
  char*** word = vtn_libc()->environ_word;
  if (word == NULL || *word == NULL) {
    return;
  }
  /* Values are shortened where they stand. */
  char** to = *word;
  for (char** entry = *word; *entry != NULL; ++entry) {
    if (vtn_starts_with(*entry, PRELOAD)) {
      char* value = *entry + PRELOAD_BYTES;
      char* own = (char*)own_part(entry_now(), value);
      if (is_all_ours(value, own)) {
        continue;
      }
      if (own != NULL) {
        *own = 0;
      }
    }
    *to++ = *entry;
  }
  *to = NULL;
}

int vtn_environment_reachable(void) {
  const vtn_entry* own = entry_now();
  if (own->bytes == 0) {
    return 0;
  }
  long result = vtn_call4(FACCESSAT2, AT_FDCWD, (long)own->path, MAY_READ, EFFECTIVE_ACCESS);
  if (result == -ENOSYS || result == -EPERM) {
    result = vtn_call3(SYS_faccessat, AT_FDCWD, (long)own->path, MAY_READ);
  }
  return result == 0;
}

vtn_environment_plan vtn_environment_measure(vtn_strings from, int carries) {
  vtn_environment_plan plan = {.from = from, .carries = carries, .as_it_is = 1, .own = entry_now()};
  size_t text_bytes = 0;
  int preloads = 0;
  for (; from != NULL && *from != NULL; ++from) {
    ++plan.entries;
    if (!vtn_starts_with(*from, PRELOAD)) {
      continue;
    }
    ++preloads;
    const char* value = *from + PRELOAD_BYTES;
    const char* own = own_part(plan.own, value);
    if (carries == (own != NULL)) {
      continue;
    }
    plan.as_it_is = 0;
    if (is_all_ours(value, own)) {
      --plan.entries;
    } else {
      text_bytes += PRELOAD_BYTES + vtn_length(value) + 1 + plan.own->bytes + 1;
    }
  }
  if (carries && preloads == 0) {
    plan.as_it_is = 0;
    ++plan.entries;
    text_bytes += PRELOAD_BYTES + plan.own->bytes + 1;
  }
  plan.memory_bytes = (plan.entries + 1) * sizeof(char*) + text_bytes;
  return plan;
}

vtn_strings vtn_environment_copy(const vtn_environment_plan* plan, void* memory) {
  char** to = (char**)memory;
  char* text = (char*)(to + plan->entries + 1);
  int preloads = 0;
  for (vtn_strings from = plan->from; from != NULL && *from != NULL; ++from) {
    if (!vtn_starts_with(*from, PRELOAD)) {
      *to++ = *from;
      continue;
    }
    ++preloads;
    const char* value = *from + PRELOAD_BYTES;
    const char* own = own_part(plan->own, value);
    if (plan->carries == (own != NULL)) {
      *to++ = *from;
      continue;
    }
    if (is_all_ours(value, own)) {
      continue;
    }
    *to++ = text;
    const size_t kept = (size_t)((own != NULL ? own : value + vtn_length(value)) - *from);
    vtn_copy(text, *from, kept);
    text += kept;
    if (plan->carries) {
      *text++ = ':';
      vtn_copy(text, plan->own->path, plan->own->bytes);
      text += plan->own->bytes;
    }
    *text++ = 0;
  }
  if (plan->carries && preloads == 0) {
    *to++ = text;
    vtn_copy(text, PRELOAD, PRELOAD_BYTES);
    vtn_copy(text + PRELOAD_BYTES, plan->own->path, plan->own->bytes + 1);
  }
  *to = NULL;
  return (vtn_strings)memory;
}

const char* vtn_environment_get(vtn_strings environment, const char* name) {
  const size_t bytes = vtn_length(name);
  for (; environment != NULL && *environment != NULL; ++environment) {
    if (vtn_starts_with(*environment, name) && (*environment)[bytes] == '=') {
      return *environment + bytes + 1;
    }
  }
  return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "subprocess_shim/environment.h"

#include "subprocess_shim/raw.h"

#define PRELOAD "LD_PRELOAD="
#define PRELOAD_BYTES (sizeof(PRELOAD) - 1)

#define EFFECTIVE_ACCESS 0x200 /* AT_EACCESS */
#define MAY_READ 4             /* R_OK */
#define FACCESSAT2 439

static struct {
  char path[VTN_PATH_BYTES + sizeof("/libvtn.so")];
  size_t bytes;
} g_entry;

/* Where our entry begins in an LD_PRELOAD value that ends with it: at its colon, or at its first
 * letter when there is no other. NULL: it does not end with us. */
static const char* own_part(const char* value) {
  const size_t bytes = vtn_length(value);
  if (g_entry.bytes == 0 || bytes < g_entry.bytes) {
    return NULL;
  }
  const char* at = value + bytes - g_entry.bytes;
  if (!vtn_equal(at, g_entry.path)) {
    return NULL;
  }
  if (at == value) {
    return at;
  }
  return at[-1] == ':' || at[-1] == ' ' ? at - 1 : NULL;
}

/* Nobody else had set the variable: an empty value of the user's own would have left a colon. */
static int is_all_ours(const char* value, const char* own) { return own == value && *own == '/'; }

void vtn_environment_enter(const char* own_path, int stays) {
  const size_t bytes = vtn_length(own_path);
  if (bytes >= sizeof(g_entry.path)) {
    return;
  }
  vtn_copy(g_entry.path, own_path, bytes + 1);
  g_entry.bytes = bytes;
  char*** word = vtn_libc()->environ_word;
  if (stays || word == NULL || *word == NULL) {
    return;
  }
  /* Values are shortened where they stand. */
  char** to = *word;
  for (char** entry = *word; *entry != NULL; ++entry) {
    if (vtn_starts_with(*entry, PRELOAD)) {
      char* value = *entry + PRELOAD_BYTES;
      char* own = (char*)own_part(value);
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
  if (g_entry.bytes == 0) {
    return 0;
  }
  long result = vtn_call4(FACCESSAT2, AT_FDCWD, (long)g_entry.path, MAY_READ, EFFECTIVE_ACCESS);
  if (result == -ENOSYS || result == -EPERM) {
    result = vtn_call3(SYS_faccessat, AT_FDCWD, (long)g_entry.path, MAY_READ);
  }
  return result == 0;
}

vtn_environment_plan vtn_environment_measure(vtn_strings from, int carries) {
  vtn_environment_plan plan = {.from = from, .carries = carries, .as_it_is = 1};
  size_t text_bytes = 0;
  int preloads = 0;
  for (; from != NULL && *from != NULL; ++from) {
    ++plan.entries;
    if (!vtn_starts_with(*from, PRELOAD)) {
      continue;
    }
    ++preloads;
    const char* value = *from + PRELOAD_BYTES;
    const char* own = own_part(value);
    if (carries == (own != NULL)) {
      continue;
    }
    plan.as_it_is = 0;
    if (is_all_ours(value, own)) {
      --plan.entries;
    } else {
      text_bytes += PRELOAD_BYTES + vtn_length(value) + 1 + g_entry.bytes + 1;
    }
  }
  if (carries && preloads == 0) {
    plan.as_it_is = 0;
    ++plan.entries;
    text_bytes += PRELOAD_BYTES + g_entry.bytes + 1;
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
    const char* own = own_part(value);
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
      vtn_copy(text, g_entry.path, g_entry.bytes);
      text += g_entry.bytes;
    }
    *text++ = 0;
  }
  if (plan->carries && preloads == 0) {
    *to++ = text;
    vtn_copy(text, PRELOAD, PRELOAD_BYTES);
    vtn_copy(text + PRELOAD_BYTES, g_entry.path, g_entry.bytes + 1);
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

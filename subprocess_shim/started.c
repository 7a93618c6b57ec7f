/* SPDX-License-Identifier: Apache-2.0 */
#include "subprocess_shim/started.h"

#include "subprocess_shim/raw.h"

/* A thread's own. A vfork child writes it too, which is its parent's: that thread stands still
 * until the child has exec'ed, so each finds what the other has left. `user` is whoever took it
 * last: if that is this process it is still in use, and a signal handler has come between. */
static __thread struct {
  void* pages;
  size_t bytes;
  uint32_t user;
} t_kept __attribute__((tls_model("initial-exec")));

void* vtn_take_pages(size_t bytes) {
  const uint32_t pid = vtn_pid();
  if (t_kept.user == pid) {
    return vtn_map_pages(bytes); /* stays mapped if an exec in a vfork child follows */
  }
  if (t_kept.bytes < bytes) {
    void* pages = vtn_map_pages(bytes);
    if (pages == NULL) {
      return NULL;
    }
    if (t_kept.pages != NULL) {
      vtn_unmap(t_kept.pages, t_kept.bytes);
    }
    t_kept.pages = pages;
    t_kept.bytes = bytes;
  }
  t_kept.user = pid;
  return t_kept.pages;
}

void vtn_give_pages(void* pages) {
  if (pages != NULL && pages == t_kept.pages) {
    t_kept.user = 0;
  }
}

vtn_process_slot* vtn_announce(const vtn_target* target, const vtn_verdict* verdict) {
  const vtn_slot_text text = {target->path, target->argv, verdict->reason};
  return vtn_claim_start(&text);
}

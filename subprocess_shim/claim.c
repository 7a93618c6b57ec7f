/* SPDX-License-Identifier: Apache-2.0 */
#include "subprocess_shim/claim.h"

#include <stddef.h>

#include "subprocess_shim/raw.h"

uint32_t vtn_claim_slot(vtn_control_page* control, vtn_process_slot* slots) {
  const uint32_t provided = __atomic_load_n(&control->process_slots, __ATOMIC_ACQUIRE);
  /* The lowest free one: the collector looks at all up to the highest ever used. */
  for (uint32_t i = 0; i < provided && i < VTN_MAX_PROCESSES; ++i) {
    uint32_t* state = &slots[i].state;
    uint32_t expected = VTN_SLOT_UNUSED;
    if (__atomic_load_n(state, __ATOMIC_RELAXED) != VTN_SLOT_UNUSED ||
        !__atomic_compare_exchange_n(
            state, &expected, VTN_SLOT_CLAIMED, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
      continue;
    }
    uint32_t high = __atomic_load_n(&control->process_high_water, __ATOMIC_RELAXED);
    while (high < i + 1 &&
           !__atomic_compare_exchange_n(
               &control->process_high_water, &high, i + 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
    }
    vtn_zero((char*)&slots[i] + sizeof(slots[i].state),
             offsetof(vtn_process_slot, text) - sizeof(slots[i].state));
    return i;
  }
  return VTN_MAX_PROCESSES;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Claiming one of the session's process slots, of which every process takes its own.
 */
#pragma once

#include "abi/control_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The number of a slot that is claimed by this call and empty but for its state; VTN_MAX_PROCESSES:
 * none is free. Process-safe and signal-safe, in a vfork child as well. */
uint32_t vtn_claim_slot(vtn_control_page* control, vtn_process_slot* slots);

#ifdef __cplusplus
}
#endif

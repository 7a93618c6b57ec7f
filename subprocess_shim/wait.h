/* SPDX-License-Identifier: Apache-2.0
 *
 * What a parent learns of its children's end.
 */
#pragma once

/* Tells the slot of a child, if it has one still, how it ended. `status` is as from waitpid(2);
 * that of one that has only stopped is passed over. */
void vtn_child_ended(int pid, int status);

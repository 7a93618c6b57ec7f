/* SPDX-License-Identifier: Apache-2.0
 *
 * A process that we were loaded into while it ran: nobody's calls lead to us by themselves. As long
 * as what it starts is to be followed, the slots of loaded objects by which they call what we stand
 * before lead to our functions (imports.h), and afterwards to where they led before. Where we were
 * preloaded nothing of this is needed, nor done. glibc only.
 */
#pragma once

/* Whether what this process starts is followed: where not, our functions are the real ones. Signal-
 * and child-safe, in a vfork child as well. */
int vtn_follows(void);

/* From now on it is, or is not. One thread at a time. */
void vtn_follow(int wanted);

/* Libraries may have been opened since the last look. Who opens one asks dlsym for something of it
 * right after, and that is where this is called. */
void vtn_follow_from_new_objects(void);

/* Nothing that our functions began is under way any more (shell.h): what had to stay in front for
 * its sake need not. */
void vtn_follow_no_more(void);

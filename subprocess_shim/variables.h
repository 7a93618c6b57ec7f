/* SPDX-License-Identifier: Apache-2.0
 *
 * What the program's libraries ask of its variables (getenv), where something of ours is to be the
 * answer.
 */
#pragma once

/* The runtime, by its path, which stays where it is: a library that marks ranges by NVTX is given
 * it as the tool that listens, where the program names no other. NULL: it is not. */
void vtn_answer_nvtx(const char* path);

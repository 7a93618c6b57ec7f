/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread part of the shim, for its other files.
 */
#pragma once

#include "abi/runtime_abi.h"

/* Fills in what the runtime is told of threads: the offset of its word and the hooks. Before the
 * runtime starts. */
void vtn_threads_describe(vtn_runtime_args* args);

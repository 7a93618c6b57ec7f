/* SPDX-License-Identifier: Apache-2.0
 *
 * The second page of what a process that is attached to is given, for C++ (loading_code.h) and for
 * the assembler: where its fields are, and what the first two of them mean.
 */
#pragma once

#define VTN_LOADING_STATE 0
#define VTN_LOADING_QUEUED 4
#define VTN_LOADING_IS_HELD 8
#define VTN_LOADING_ERRNO_LOCATION 16
#define VTN_LOADING_DLOPEN 24
#define VTN_LOADING_DLERROR 32
#define VTN_LOADING_ADD_PENDING_CALL 40
#define VTN_LOADING_SYSCALL 48
#define VTN_LOADING_NO_SIGNALS 56
#define VTN_LOADING_WAIT 64
#define VTN_LOADING_COOKIE 80
#define VTN_LOADING_PATH 88
#define VTN_LOADING_ERROR 2136
#define VTN_LOADING_PATH_BYTES 2048
#define VTN_LOADING_ERROR_BYTES 1024

/* VTN_LOADING_STATE: nobody has begun; then these. */
#define VTN_LOADING_RUNS 1
#define VTN_LOADING_LOADED 2
#define VTN_LOADING_FAILED 3
#define VTN_LOADING_CANCELLED 4

/* VTN_LOADING_QUEUED: CPython was not asked yet; then these. */
#define VTN_LOADING_IS_QUEUED 1
#define VTN_LOADING_QUEUE_IS_FULL 2

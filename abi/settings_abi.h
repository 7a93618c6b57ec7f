/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings file of a session, for C and C++: what the user asked for, of any length. Written
 * whole before the program starts, never changed afterwards; launcher, shim and runtime each read
 * the records they know and skip the others, in children as well.
 *
 *   vtn_settings_head
 *   vtn_setting, its bytes, zeroes up to a multiple of 8      ... in the order they were given
 *
 * The file exists in every session; `vtn_control_page.settings_bytes` is its size, or 0 where no
 * record is for the shim: then it need not open it. Traced programs can write to
 * it: readers check every length against the size of the file.
 */
#pragma once

#include <stdint.h>

#define VTN_SETTINGS_MAGIC 0x3130746573746e76u /* "vntset01" */
#define VTN_SETTINGS_FILE "settings"

/* vtn_setting.key */
enum {
  /* For processes of the tree. */
  VTN_SETTING_EXCLUDE = 1, /* a pattern of --exclude_process, with its NUL */
  /* Patterns of functions (runtime/filters/), each with its NUL. Paths are absolute. */
  VTN_SETTING_FIRST_FILTER = 2,
  VTN_SETTING_INCLUDE_FILE = 2,
  VTN_SETTING_EXCLUDE_FILE = 3,
  VTN_SETTING_ONLY = 4,
  VTN_SETTING_HIDE = 5,
  VTN_SETTING_EXCLUDE_SUBTREE = 6,
  VTN_SETTING_ARGUMENTS_OF = 7, /* functions whose arguments are told */
  VTN_SETTING_VALUES_OF = 8,    /* whose return values are */
  VTN_SETTING_LAST_FILTER = 8,
  VTN_SETTING_MAX_REPR = 20, /* uint32_t: bytes of a value */
  VTN_SETTING_SECRET = 21,   /* a pattern for names of what is not to be told, with its NUL */
  /* Regular expressions (base/freestanding/regex.h), each with its NUL. */
  VTN_SETTING_LOG_AUDIT = 39, /* for names of audit events */
  /* Of what the program binds (runtime/variables/): */
  VTN_SETTING_FIRST_LOG = 40,
  VTN_SETTING_LOG_VARIABLE = 40,   /* for names of variables that are told when they are bound */
  VTN_SETTING_LOG_NUMBER = 41,     /* likewise, as counters */
  VTN_SETTING_LOG_ATTRIBUTE = 42,  /* for names of attributes */
  VTN_SETTING_LOG_STORES_OF = 43,  /* for functions whose every binding is told */
  VTN_SETTING_LOG_ENTRIES_OF = 44, /* for functions whose begin is */
  VTN_SETTING_LAST_LOG = 44,
  /* For the launcher's own processes. */
  VTN_SETTING_ARGUMENT = 1001, /* a word of the command line, in order */
  VTN_SETTING_OUTPUT = 1002,   /* the absolute path of a report; the spool lies beside the first */
  VTN_SETTING_TOLD = 1003,     /* what was asked to be recorded, as reports tell it */
  VTN_SETTING_LIMITS = 1004,   /* session::CallLimits */
};
/* Keys below are for processes of the tree. */
#define VTN_FIRST_LAUNCHER_SETTING 1000u

typedef struct {
  uint64_t magic;
  uint64_t bytes; /* of the whole file */
} vtn_settings_head;

typedef struct {
  uint32_t key;
  uint32_t bytes; /* that follow, without the zeroes */
} vtn_setting;

/* The record behind `record`; `end` where there is none. `record` itself may be `end`. */
static inline const vtn_setting* vtn_next_setting(const vtn_setting* record, const char* end) {
  const uint64_t bytes = (sizeof(*record) + (uint64_t)record->bytes + 7u) / 8u * 8u;
  const uint64_t left = (uint64_t)(end - (const char*)record);
  return bytes + sizeof(*record) <= left ? (const vtn_setting*)((const char*)record + bytes)
                                         : (const vtn_setting*)end;
}

/* Whether the record and its bytes lie before `end`. */
static inline int vtn_setting_is_whole(const vtn_setting* record, const char* end) {
  const uint64_t left = (uint64_t)(end - (const char*)record);
  return left >= sizeof(*record) && record->bytes <= left - sizeof(*record);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What a Python is told to run by its command line, in C for the shim: it names programs by it for
 * --exclude_process, and reports name processes by it.
 */
#pragma once

#include <stddef.h>

enum {
  VTN_RUNS_NOTHING = 0, /* the words end before anything is named: it reads its input */
  VTN_RUNS_SCRIPT = 1,  /* `what`: a path */
  VTN_RUNS_MODULE = 2,  /* `what`: a name */
  VTN_RUNS_CODE = 3,    /* `what`: the code */
  VTN_RUNS_INPUT = 4,   /* "-" */
};

/* One of VTN_RUNS_.... `argv` ends with a null. `what` is set but for NOTHING and INPUT. As
 * Modules/main.c and Python/getopt.c of CPython read it: letters may be joined; the value of one
 * follows in the same word or is the next; -m and -c end the options, as does the first word that
 * is none. */
static inline int vtn_python_target(const char* const* argv, const char** what) {
  for (size_t i = 1; argv[0] && argv[i]; ++i) {
    const char* const word = argv[i];
    if (word[0] != '-') {
      *what = word;
      return word[0] == 0 ? VTN_RUNS_NOTHING : VTN_RUNS_SCRIPT;
    }
    if (word[1] == 0) {
      return VTN_RUNS_INPUT;
    }
    if (word[1] == '-') {
      const char* const with_value = "--check-hash-based-pycs";
      size_t at = 0;
      while (word[at] != 0 && word[at] == with_value[at]) {
        ++at;
      }
      if (word[at] == with_value[at] && argv[i + 1]) {
        ++i;
      }
      continue;
    }
    for (const char* letter = word + 1; *letter != 0; ++letter) {
      if (*letter != 'm' && *letter != 'c' && *letter != 'W' && *letter != 'X') {
        continue;
      }
      const char* const value = letter[1] != 0 ? letter + 1 : argv[i + 1];
      if (*letter == 'm') {
        *what = value;
        return !value || *value == 0 ? VTN_RUNS_NOTHING : VTN_RUNS_MODULE;
      }
      if (*letter == 'c') {
        *what = value ? value : "";
        return VTN_RUNS_CODE;
      }
      if (letter[1] == 0 && value) {
        ++i;
      }
      break;
    }
  }
  return VTN_RUNS_NOTHING;
}

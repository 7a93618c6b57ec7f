// SPDX-License-Identifier: Apache-2.0
//
// What differs between the versions of CPython as a file shows it, by name: nothing else in the
// launcher knows a version by its number. 0x030b: 3.11.
#pragma once

#include <stdint.h>

namespace vtn::launcher {

// The version itself as a constant, Py_Version: 3.11, bpo-43931.
inline constexpr char kVersionConstant[] = "Py_Version";

// Before, by what is exported, the newest first: bpo-42262, bpo-40421.
inline constexpr struct {
  const char* symbol;
  uint32_t since;
} kVersionSigns[] = {{"Py_NewRef", 0x030a}, {"PyFrame_GetBack", 0x0309}};

// The main function that an interpreter calls, Py_BytesMain, and the oldest version to be told from
// others: 3.8 (PEP 587; the C API's documentation has it).
inline constexpr uint32_t kFirstWithBytesMain = 0x0308;

// sys.monitoring, by which functions are switched off: PEP 669.
inline constexpr uint32_t kFirstWithMonitoring = 0x030c;

}  // namespace vtn::launcher

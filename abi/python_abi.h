// SPDX-License-Identifier: Apache-2.0
//
// What the launcher and the runtime must say alike of CPython itself.
#pragma once

#include <stdint.h>

namespace vtn {

// The oldest CPython that can be traced: major version in the upper byte, minor below.
inline constexpr uint32_t kOldestPython = 0x030a;
inline constexpr char kOldestPythonText[] = "3.10";

}  // namespace vtn

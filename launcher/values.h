// SPDX-License-Identifier: Apache-2.0
//
// Values of options: numbers, times, sizes. An error says what is expected, without the option's
// name: "must be ...".
#pragma once

#include <string>

#include <stdint.h>

#include "base/result.h"

namespace vtn::launcher {

// A whole number from `least` to `most`.
Result<uint64_t> read_number(const std::string& text, uint64_t least, uint64_t most);

// "5", "2.5s", "0.3ms", "13us", "80ns": in ns; a number alone is of `unit_ns`. Up to a million
// seconds.
Result<uint64_t> read_duration_ns(const std::string& text, uint64_t unit_ns);

// "2GB", "500 MB", "1.5GiB", "4096": in bytes; kB, MB, GB count by 1000, KiB, MiB, GiB by 1024.
Result<uint64_t> read_size_bytes(const std::string& text);

}  // namespace vtn::launcher

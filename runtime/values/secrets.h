// SPDX-License-Identifier: Apache-2.0
//
// Which names say that what they name is a secret: one of their words is in the list. Words are
// what capitals, digits and other signs part: `api_key`, `apiKey`, `API-KEY` have two.
#pragma once

#include <stddef.h>

namespace vtn::runtime {

bool names_a_secret(const char* name, size_t bytes);

}  // namespace vtn::runtime

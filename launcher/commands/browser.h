// SPDX-License-Identifier: Apache-2.0
//
// The user's browser: $BROWSER, else what xdg-open takes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <stdint.h>

#include "base/result.h"

namespace vtn::launcher {

bool came_by_ssh();

// Whether there is any use in trying. An error says why there is none.
Status can_start_browser();

// Says the address, and starts a browser (where `starts_one`), which lives on by itself, away from
// the terminal. Where that is of no use says how to get there instead: whoever has come by ssh lets
// it forward these ports.
void lead_to(const std::string& address,
             const std::vector<uint16_t>& ports,
             bool starts_one,
             const std::function<void(const std::string& line)>& say);

}  // namespace vtn::launcher

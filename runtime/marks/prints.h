// SPDX-License-Identifier: Apache-2.0
//
// What the program prints by print(), as marks (--log_print): a step in front of the built-in
// function, which prints as ever. Needs the GIL; leaves no error set.
#pragma once

namespace vtn::runtime {

void start_prints();
void stop_prints();

}  // namespace vtn::runtime

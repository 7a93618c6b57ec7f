// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/subprocess_shim/shim.h"

namespace vtn::test {

FakeProcess g_process;

}  // namespace vtn::test

using vtn::test::g_process;

extern "C" {

vtn_libc_functions g_libc;

void vtn_libc_find(void) {
  g_libc.environ_word = &g_process.environment;
  g_libc.found = 1;
}

vtn_control_page* vtn_control(void);
vtn_control_page* vtn_control(void) { return &g_process.control; }

int vtn_not_wanted(int child);
int vtn_not_wanted(int child) { return g_process.not_wanted && child != 0 ? 1 : 0; }
}

// SPDX-License-Identifier: Apache-2.0
#include "subprocess_shim/claim.h"

#include <memory>

#include "tests/support/catch.h"

namespace vtn {
namespace {

TEST_CASE("claim: process slots run out without harm", "[claim]") {
  const auto page = std::make_unique<vtn_control_page>();
  const auto slots = std::make_unique<vtn_process_slot[]>(VTN_MAX_PROCESSES);
  page->process_slots = VTN_MAX_PROCESSES;
  for (uint32_t i = 0; i < VTN_MAX_PROCESSES; ++i) {
    slots[i].pid = 7;
    if (vtn_claim_slot(page.get(), slots.get()) != i || slots[i].state != VTN_SLOT_CLAIMED ||
        slots[i].pid != 0) {
      FAIL("slot " << i << " was not given");
    }
  }
  CHECK(vtn_claim_slot(page.get(), slots.get()) == VTN_MAX_PROCESSES);
  CHECK(page->process_high_water == VTN_MAX_PROCESSES);
}

TEST_CASE("claim: a slot without memory is never given, the lowest free one is", "[claim]") {
  const auto page = std::make_unique<vtn_control_page>();
  const auto slots = std::make_unique<vtn_process_slot[]>(VTN_MAX_PROCESSES);
  page->process_slots = 3;
  for (uint32_t i = 0; i < 3; ++i) {
    CHECK(vtn_claim_slot(page.get(), slots.get()) == i);
  }
  CHECK(vtn_claim_slot(page.get(), slots.get()) == VTN_MAX_PROCESSES);
  slots[1].state = VTN_SLOT_UNUSED;
  CHECK(vtn_claim_slot(page.get(), slots.get()) == 1);
  CHECK(page->process_high_water == 3);
}

}  // namespace
}  // namespace vtn

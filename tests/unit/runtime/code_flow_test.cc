// SPDX-License-Identifier: Apache-2.0
//
// What real code is found to do is compared within each interpreter (tests/e2e/code_flow_test.py).
#include "runtime/variables/code_flow.h"

#include <algorithm>
#include <random>
#include <vector>

#include "runtime/python/versions.h"
#include "tests/support/catch.h"

namespace vtn::runtime {
namespace {

// Some go up, some down, so that ways of any length are followed.
int effect_of(int opcode, int argument, int jumps) { return (opcode + argument + jumps) % 3 - 1; }

struct Found {
  size_t bytes;
  uint32_t stack_size;
  uint32_t count = 0;
  bool within = true;
};

TEST_CASE("code flow: what is no code leads nowhere but into itself", "[runtime]") {
  std::mt19937 random(10);
  uint32_t understood = 0;
  for (int round = 0; round < 30'000; ++round) {
    const uint32_t minor =
        kFirstKnownOpcodes + round % (kLastKnownOpcodes - kFirstKnownOpcodes + 1);
    std::vector<unsigned char> code(2 * (1 + random() % 24));
    for (unsigned char& byte : code) {
      byte = static_cast<unsigned char>(random());
    }
    for (size_t at = 1; at < code.size(); at += 2) {
      code[at] %= 16;
    }
    std::vector<unsigned char> handlers(minor < 11 ? 0 : random() % 9);
    for (unsigned char& byte : handlers) {
      byte = static_cast<unsigned char>(random() % 24);
    }
    const CodeText text = {code.data(),
                           code.size(),
                           handlers.data(),
                           handlers.size(),
                           static_cast<uint32_t>(random() % 12),
                           random() % 2 == 0,
                           static_cast<uint32_t>(random() % 3)};
    Found found = {code.size(), text.stack_size};
    const bool stores = find_stores(
        minor,
        text,
        effect_of,
        [](const FoundStore& store, void* argument) {
          auto* const all = static_cast<Found*>(argument);
          all->within = all->within && store.offset < all->bytes && store.below < store.depth &&
                        store.depth <= all->stack_size;
          ++all->count;
        },
        &found);
    const bool ways = find_ways(
        minor,
        text,
        effect_of,
        [](const FoundWay& way, void* argument) {
          auto* const all = static_cast<Found*>(argument);
          all->within = all->within && way.from < all->bytes && way.to < all->bytes;
          ++all->count;
        },
        &found);
    REQUIRE(stores == ways);
    REQUIRE(found.within);
    REQUIRE(found.count <= 2 * code.size() / 2 + 4 * code.size() / 2);
    understood += stores ? 1 : 0;
  }
  CHECK(understood > 100);
}

TEST_CASE("code flow: of versions that are not known nothing is understood", "[runtime]") {
  const unsigned char code[] = {83, 0};
  const CodeText text = {code, sizeof(code), nullptr, 0, 1, false, 0};
  for (const uint32_t minor : {0u, kFirstKnownOpcodes - 1, kLastKnownOpcodes + 1, 255u}) {
    INFO(minor);
    CHECK_FALSE(find_ways(
        minor, text, effect_of, [](const FoundWay&, void*) {}, nullptr));
  }
}

}  // namespace
}  // namespace vtn::runtime

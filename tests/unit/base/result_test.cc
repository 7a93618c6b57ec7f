// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <memory>

#include "tests/support/catch.h"

namespace vtn {
namespace {

Result<int> half_of(int number) {
  if (number % 2 != 0) {
    return fail("cannot halve " + std::to_string(number), EDOM);
  }
  return number / 2;
}

Result<int> quarter_of(int number) {
  VTN_ASSIGN(const int half, half_of(number));
  VTN_ASSIGN(const int quarter, half_of(half));
  return quarter;
}

Status check_even(int number) {
  VTN_TRY(half_of(number));
  return {};
}

TEST_CASE("result: VTN_ASSIGN takes the value or returns the error", "[result]") {
  CHECK(quarter_of(12) == 3);
  const Result<int> odd = quarter_of(6);
  REQUIRE(!odd);
  CHECK(odd.error().message == "cannot halve 3");
  CHECK(odd.error().code == EDOM);
}

TEST_CASE("result: VTN_TRY returns the error of another type of result", "[result]") {
  CHECK(check_even(4));
  CHECK(check_even(5).error().code == EDOM);
}

TEST_CASE("result: fail_errno names the reason", "[result]") {
  errno = ENOENT;
  const Status missing = fail_errno("cannot open x");
  CHECK(missing.error().message == "cannot open x: No such file or directory");
  CHECK(missing.error().code == ENOENT);
}

TEST_CASE("result: values that can only be moved are moved", "[result]") {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
  const auto use = [&make]() -> Result<int> {
    VTN_ASSIGN(const std::unique_ptr<int> number, make());
    return *number;
  };
  CHECK(use() == 7);
}

}  // namespace
}  // namespace vtn

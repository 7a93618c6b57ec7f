// SPDX-License-Identifier: Apache-2.0
#include "launcher/nested.h"

#include "launcher/options.h"
#include "tests/support/catch.h"

namespace vtn {
namespace {

std::string line_of(const std::vector<std::string>& arguments) {
  auto options = launcher::parse_request(arguments);
  REQUIRE(options);
  return launcher::joined_line(*options);
}

TEST_CASE("nested: a process that nobody records has no outer session", "[nested]") {
  CHECK(launcher::outer_session().empty());
}

TEST_CASE("nested: options that hold all the same are not named", "[nested]") {
  CHECK(line_of({"--keep_pid", "--python=python3", "--host=exec", "--verbose=2", "x.py"}) ==
        "recorded by the outer run, in its report");
}

TEST_CASE("nested: options of what is recorded and reported have no effect, and are named",
          "[nested]") {
  CHECK(line_of({"-o", "a.json", "-o", "b.vtn", "--quiet", "--wait_children=3", "-u", "x.py"}) ==
        "recorded by the outer run, in its report; without effect here: --output_file a.json, "
        "--output_file b.vtn, --wait_children 3, --unique_output_file");
}

TEST_CASE("nested: there is no host of ours", "[nested]") {
  CHECK(line_of({"--host=embed", "x.py"}) ==
        "recorded by the outer run, in its report; without effect here: --host embed");
  CHECK(line_of({"--host=embed", "--host=exec", "x.py"}) ==
        "recorded by the outer run, in its report");
  CHECK(line_of({"--python=embed", "x.py"}) == "recorded by the outer run, in its report");
}

}  // namespace
}  // namespace vtn

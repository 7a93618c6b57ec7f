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

TEST_CASE("nested: options without effect are named", "[nested]") {
  CHECK(line_of({"-o", "a.json", "-o", "b.vtn", "-u", "x.py"}) ==
        "recorded by the outer run, in its report; without effect here: --output_file a.json, "
        "--output_file b.vtn, --unique_output_file");
  for (const char* option : {"--output_dir=d",
                             "--host=embed",
                             "--ignore_c_function",
                             "--keep_raw",
                             "--processes=python",
                             "--exclude_process=git",
                             "--ignore_multiprocess",
                             "--wait_children=3"}) {
    const std::string text = option;
    const std::string name = text.substr(0, text.find('='));
    INFO(name);
    CHECK(line_of({text, "x.py"}).find("without effect here: " + name) != std::string::npos);
  }
}

}  // namespace
}  // namespace vtn

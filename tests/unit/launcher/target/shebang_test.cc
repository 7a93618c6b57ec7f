// SPDX-License-Identifier: Apache-2.0
#include "launcher/target/shebang.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace vtn {
namespace {

using Words = std::vector<std::string>;

launcher::Shebang parsed(const std::string& head) {
  const auto shebang = launcher::parse_shebang(head, "/bin/script");
  REQUIRE(shebang);
  return *shebang;
}

TEST_CASE("shebang: the kernel's reading", "[shebang]") {
  CHECK(parsed("#!/usr/bin/python3\nx").interpreter == "/usr/bin/python3");
  CHECK(parsed("#!/usr/bin/python3\nx").is_python);
  CHECK(parsed("#!  /usr/bin/python3 -u -x  \n").arguments == Words{"-u -x"});
  CHECK(parsed("#!/bin/sh\r\n").interpreter == "/bin/sh");
  CHECK(!parsed("#!/bin/sh\n").is_python);
  CHECK(parsed("#!/opt/x/python3.12").is_python);
  CHECK(!launcher::parse_shebang("", ""));
  CHECK(!launcher::parse_shebang("#!", ""));
  CHECK(!launcher::parse_shebang("#! \n", ""));
  CHECK(!launcher::parse_shebang("# !/bin/sh", ""));
}

TEST_CASE("shebang: python through env", "[shebang]") {
  const launcher::Shebang plain = parsed("#!/usr/bin/env python3\n");
  CHECK(plain.is_python);
  CHECK(plain.by_name);
  CHECK(plain.interpreter == "python3");
  CHECK(plain.arguments.empty());
  const launcher::Shebang split = parsed("#!/usr/bin/env -S python3 -u  -X dev\n");
  CHECK(split.is_python);
  CHECK(split.arguments == Words{"-u", "-X", "dev"});
  CHECK(!parsed("#!/usr/bin/env -S A=1 python3\n").is_python);
  CHECK(!parsed("#!/usr/bin/env python3 -u\n").is_python);  // env would look for "python3 -u"
  CHECK(!parsed("#!/usr/bin/env node\n").is_python);
}

TEST_CASE("shebang: python through sh, as installers write it", "[shebang]") {
  const launcher::Shebang bare =
      parsed("#!/bin/sh\n'''exec' /long/path/bin/python3.12 \"$0\" \"$@\"\n' '''\n");
  CHECK(bare.is_python);
  CHECK(bare.interpreter == "/long/path/bin/python3.12");
  CHECK(bare.arguments.empty());
  CHECK(parsed("#!/bin/sh\n'''exec' \"/a b/bin/python\" \"$0\" \"$@\"\n").interpreter ==
        "/a b/bin/python");
  CHECK(parsed("#!/bin/sh\n'''exec' '/a b/bin/python' \"$0\" \"$@\"\n").interpreter ==
        "/a b/bin/python");
  for (const char* head : {"#!/bin/sh\nexec python3 \"$0\" \"$@\"\n",
                           "#!/bin/sh\n'''exec' $HOME/python \"$0\" \"$@\"\n",
                           "#!/bin/sh\n'''exec' \"/a/python \"$0\"\n",
                           "#!/bin/sh\n'''exec' \n",
                           "#!/bin/sh\n'''exec' /a/python \"$0\" \"$@\" x\n",
                           "#!/bin/sh -e\n'''exec' /a/python \"$0\" \"$@\"\n"}) {
    INFO(std::string(head).substr(std::string(head).find('\n') + 1, 9));  // TAP: one line
    CHECK(!parsed(head).is_python);
  }
}

TEST_CASE("shebang: a script that looks for its interpreter beside itself", "[shebang]") {
  const TemporaryFolder folder;
  const std::string script = folder.write(
      "bin/tool",
      "#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'python' \"$0\" \"$@\"\n",
      0755);
  const auto shebang = launcher::read_shebang(script);
  REQUIRE(shebang);
  CHECK(shebang->is_python);
  CHECK(shebang->interpreter == folder.file("bin/python"));
}

TEST_CASE("shebang: what is no script has none", "[shebang]") {
  CHECK(!launcher::read_shebang("/nowhere"));
  CHECK(!launcher::read_shebang("/tmp"));
  CHECK(!launcher::read_shebang("/dev/null"));
  CHECK(!launcher::read_shebang("/bin/sh"));
}

TEST_CASE("shebang: names of Pythons", "[shebang]") {
  for (const char* name : {"python", "python3", "/a/python3.12", "python3.13t", "python3-dbg"}) {
    INFO(name);
    CHECK(launcher::names_python(name));
  }
  for (const char* name : {"pythonista", "ipython", "python3-config", "pypy3", ""}) {
    INFO(name);
    CHECK(!launcher::names_python(name));
  }
}

}  // namespace
}  // namespace vtn

// SPDX-License-Identifier: Apache-2.0
//
// The rules by which a word on the command line becomes a program. The interpreter is a script
// named python3, so that nothing depends on which Python this machine has.
#include "launcher/target/target.h"

#include <filesystem>

#include <errno.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace vtn {
namespace {

using Words = std::vector<std::string>;

// A current folder, and a PATH with python3, a console script, a program and a shell script.
class Workplace {
 public:
  Workplace() {
    python_ = folder_.write("bin/python3", "#!/bin/sh\nexec true\n", 0755);
    folder_.write("other/python3", "#!/bin/sh\nexec true\n", 0755);
    folder_.write("bin/flask", "#!" + folder_.file("other/python3") + "\n", 0755);
    folder_.write("bin/envtool", "#!/usr/bin/env -S python3 -u\n", 0755);
    folder_.write("bin/broken", "#!/no/such/python3\n", 0755);
    folder_.write("bin/shtool", "#!/bin/sh\n", 0755);
    std::filesystem::create_symlink("/bin/true", folder_.file("bin/program"));
    saved_ = std::filesystem::current_path();
    std::filesystem::create_directory(folder_.file("work"));
    std::filesystem::current_path(folder_.file("work"));
  }
  ~Workplace() { std::filesystem::current_path(saved_); }

  Result<launcher::Launch> plan(const Words& target, bool after_separator = false) const {
    launcher::LaunchSettings options;
    options.python = python_option;
    options.target = target;
    options.after_separator = after_separator;
    return launcher::plan_launch(
        options, folder_.file("work"), launcher::Environment({"PATH=" + folder_.file("bin")}));
  }
  Words argv(const Words& target, bool after_separator = false) const {
    const auto launch = plan(target, after_separator);
    return launch ? launch->argv : Words{"error", launch.error().message};
  }
  std::string bin(const std::string& name) const { return folder_.file("bin/" + name); }
  std::string other_python() const { return folder_.file("other/python3"); }
  void write(const std::string& name, const std::string& text, mode_t mode = 0644) const {
    folder_.write("work/" + name, text, mode);
  }

  std::string python_option;

 private:
  TemporaryFolder folder_;
  std::string python_;
  std::filesystem::path saved_;
};

TEST_CASE("target: modules, code and stdin go to the interpreter as they are", "[target]") {
  const Workplace place;
  for (const Words& target :
       {Words{"-m", "mod", "a"}, Words{"-mmod"}, Words{"-c", "pass", "-x"}, Words{"-"}}) {
    Words expected = {"python3"};
    expected.insert(expected.end(), target.begin(), target.end());
    CHECK(place.argv(target) == expected);
    CHECK(place.plan(target)->file == place.bin("python3"));
  }
}

TEST_CASE("target: a script goes to the discovered interpreter", "[target]") {
  const Workplace place;
  place.write("x.py", "#!" + place.other_python() + "\n", 0755);
  place.write("plain", "print(1)\n");
  place.write("app/__main__.py", "");
  CHECK(place.argv({"x.py", "a"}) == Words{"python3", "x.py", "a"});
  CHECK(place.argv({"./x.py"}) == Words{"python3", "./x.py"});
  CHECK(place.argv({"plain"}) == Words{"python3", "plain"});
  CHECK(place.argv({"app", "a"}) == Words{"python3", "app", "a"});
  CHECK(place.argv({"/dev/null"}) == Words{"python3", "/dev/null"});
}

TEST_CASE("target: a console script is run by the interpreter of its first line", "[target]") {
  const Workplace place;
  CHECK(place.argv({"flask", "run"}) == Words{place.other_python(), place.bin("flask"), "run"});
  CHECK(place.plan({"flask"})->file == place.other_python());
  CHECK(place.argv({"envtool", "x"}) == Words{"python3", "-u", place.bin("envtool"), "x"});
  CHECK(place.argv({"flask", "run"}, true) ==
        Words{place.other_python(), place.bin("flask"), "run"});
  place.write("tool", "#!" + place.other_python() + "\n", 0755);
  CHECK(place.argv({"./tool"}) == Words{place.other_python(), "./tool"});
}

TEST_CASE("target: --python is stronger than a first line", "[target]") {
  Workplace place;
  place.python_option = place.bin("python3");
  CHECK(place.argv({"flask"}) == Words{place.bin("python3"), place.bin("flask")});
}

TEST_CASE("target: other programs are run as they were typed", "[target]") {
  const Workplace place;
  CHECK(place.argv({"program", "x"}) == Words{"program", "x"});
  CHECK(place.plan({"program"})->file == place.bin("program"));
  CHECK(place.plan({"program"})->untraced_reason.empty());
  CHECK(place.argv({"shtool", "x"}, true) == Words{"shtool", "x"});
  CHECK(place.plan({"shtool"})->file == place.bin("shtool"));
}

TEST_CASE("target: before the separator files come first, behind it commands", "[target]") {
  const Workplace place;
  place.write("program", "print(1)\n");
  CHECK(place.argv({"program"}) == Words{"python3", "program"});
  CHECK(place.plan({"program"}, true)->file == place.bin("program"));
  place.write("x.py", "#!" + place.other_python() + "\n", 0755);
  CHECK(place.argv({"./x.py"}, true) == Words{place.other_python(), "./x.py"});
  place.write("y.py", "");
  CHECK(place.argv({"y.py"}, true) == Words{"python3", "y.py"});
}

TEST_CASE("target: a folder that cannot be run does not hide a command", "[target]") {
  const Workplace place;
  place.write("flask/data", "");
  CHECK(place.argv({"flask"}) == Words{place.other_python(), place.bin("flask")});
  place.write("flask/__main__.py", "");
  CHECK(place.argv({"flask"}) == Words{"python3", "flask"});
}

TEST_CASE("target: what is not there is named, the nearest proposed", "[target]") {
  const Workplace place;
  place.write("script.py", "");
  const auto missing = place.plan({"scirpt.py"});
  REQUIRE(!missing);
  CHECK(missing.error().message.find("did you mean script.py?") != std::string::npos);
  CHECK(missing.error().code == 0);
  CHECK(place.plan({"nosuch"}, true).error().code == ENOENT);
  CHECK(place.plan({"./nosuch"}, true).error().code == ENOENT);
  CHECK(place.plan({"/tmp"}, true).error().code == EACCES);
  const auto broken = place.plan({"broken"});
  REQUIRE(!broken);
  CHECK(broken.error().code == EACCES);
  CHECK(broken.error().message.find("/no/such/python3") != std::string::npos);
}

TEST_CASE("target: --python must be a Python", "[target]") {
  Workplace place;
  for (const char* wrong : {"/bin/true", "/etc/passwd", "/nowhere"}) {
    place.python_option = wrong;
    const auto launch = place.plan({"-c", "pass"});
    REQUIRE(!launch);
    CHECK(launch.error().message.find(std::string("--python ") + wrong) == 0);
  }
}

}  // namespace
}  // namespace vtn

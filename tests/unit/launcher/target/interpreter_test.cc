// SPDX-License-Identifier: Apache-2.0
//
// Discovery, in folders made for the purpose: what the files hold does not matter here.
#include "launcher/target/interpreter.h"

#include <filesystem>

#include "launcher/target/pyenv.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace vtn {
namespace {

constexpr char kNoProgram[] = "not run\n";

// A pyenv root with shims and these versions, each with bin/python3 and bin/tool.
class PyenvRoot {
 public:
  explicit PyenvRoot(const std::vector<std::string>& versions) {
    for (const char* name : {"python3", "tool", "gone"}) {
      folder_.write(std::string("root/shims/") + name, shim(), 0755);
    }
    for (const std::string& version : versions) {
      folder_.write("root/versions/" + version + "/bin/python3", kNoProgram, 0755);
      folder_.write("root/versions/" + version + "/bin/tool", kNoProgram, 0755);
    }
    folder_.write("usr/python3", kNoProgram, 0755);
    std::filesystem::create_directories(folder_.file("work/deep"));
  }

  const TemporaryFolder& folder() const { return folder_; }
  std::string root() const { return folder_.file("root"); }
  std::string python(const std::string& version) const {
    return root() + "/versions/" + version + "/bin/python3";
  }
  launcher::Environment environment() const {
    launcher::Environment environment;
    environment.set("PATH", root() + "/shims:" + folder_.file("usr"));
    return environment;
  }
  // Where python3 leads from work/deep.
  std::string found(launcher::Environment environment) const {
    const auto interpreter =
        launcher::discover_interpreter("", folder_.file("work/deep"), environment);
    return interpreter ? interpreter->path : interpreter.error().message;
  }

 private:
  std::string shim() const {
    return "#!/usr/bin/env bash\nset -e\n\nprogram=\"${0##*/}\"\n\nexport PYENV_ROOT=\"" + root() +
           "\"\nexec \"" + root() + "/libexec/pyenv\" exec \"$program\" \"$@\"\n";
  }

  TemporaryFolder folder_;
};

TEST_CASE("interpreter: python3 on PATH, as it was typed", "[interpreter]") {
  const TemporaryFolder folder;
  const std::string python = folder.write("b/python3", kNoProgram, 0755);
  folder.write("a/python3", kNoProgram, 0644);  // not executable: passed over
  launcher::Environment environment({"PATH=" + folder.file("a") + ":" + folder.file("b")});
  const auto interpreter = launcher::discover_interpreter("", "/", environment);
  REQUIRE(interpreter);
  CHECK(interpreter->path == python);
  CHECK(interpreter->argv0 == "python3");
  launcher::Environment empty({"PATH=" + folder.path()});
  CHECK(launcher::discover_interpreter("", "/", empty).error().message.find("--python") !=
        std::string::npos);
}

TEST_CASE("interpreter: --python takes a path, a name or a virtual environment", "[interpreter]") {
  const TemporaryFolder folder;
  const std::string python = folder.write("v/bin/python3", kNoProgram, 0755);
  folder.write("v/text", kNoProgram, 0644);
  launcher::Environment environment({"PATH=" + folder.file("v/bin")});
  CHECK(launcher::discover_interpreter(python, "/", environment)->argv0 == python);
  CHECK(launcher::discover_interpreter(folder.file("v"), "/", environment)->path == python);
  CHECK(launcher::discover_interpreter("python3", "/", environment)->path == python);
  for (const std::string& wrong :
       {std::string("python9"), folder.file("v/text"), folder.file("none"), folder.path()}) {
    const auto found = launcher::discover_interpreter(wrong, "/", environment);
    REQUIRE(!found);
    CHECK(found.error().message.find("--python " + wrong) == 0);
  }
}

TEST_CASE("interpreter: a virtual environment comes before PATH", "[interpreter]") {
  const TemporaryFolder folder;
  const std::string python = folder.write("venv/bin/python3", kNoProgram, 0755);
  const std::string other = folder.write("usr/python3", kNoProgram, 0755);
  launcher::Environment inactive(
      {"PATH=" + folder.file("usr"), "VIRTUAL_ENV=" + folder.file("venv")});
  const auto found = launcher::discover_interpreter("", "/", inactive);
  REQUIRE(found);
  CHECK(found->path == python);
  CHECK(found->argv0 == python);
  launcher::Environment active({"PATH=" + folder.file("venv/bin") + ":" + folder.file("usr"),
                                "VIRTUAL_ENV=" + folder.file("venv")});
  CHECK(launcher::discover_interpreter("", "/", active)->argv0 == "python3");
  launcher::Environment stale({"PATH=" + folder.file("usr"), "VIRTUAL_ENV=" + folder.file("gone")});
  CHECK(launcher::discover_interpreter("", "/", stale)->path == other);
}

TEST_CASE("pyenv: the version's origin is PYENV_VERSION, a file upwards, the global one",
          "[interpreter]") {
  const PyenvRoot pyenv({"3.10.1", "3.11.2", "3.12.3"});
  CHECK(pyenv.found(pyenv.environment()) == pyenv.folder().file("usr/python3"));
  pyenv.folder().write("root/version", "3.10.1\n");
  CHECK(pyenv.found(pyenv.environment()) == pyenv.python("3.10.1"));
  pyenv.folder().write("work/.python-version", "# mine\n\n  3.11.2  # why\n3.10.1\n");
  CHECK(pyenv.found(pyenv.environment()) == pyenv.python("3.11.2"));
  launcher::Environment environment = pyenv.environment();
  environment.set("PYENV_VERSION", "3.12.3");
  CHECK(pyenv.found(environment) == pyenv.python("3.12.3"));
  environment.set("PYENV_VERSION", "system");
  CHECK(pyenv.found(environment) == pyenv.folder().file("usr/python3"));
}

TEST_CASE("pyenv: a short version means the latest installed one", "[interpreter]") {
  const PyenvRoot pyenv({"3.12.2", "3.12.10", "3.12.9", "3.12.11a", "3.1.0"});
  launcher::Environment environment = pyenv.environment();
  environment.set("PYENV_VERSION", "3.12");
  CHECK(pyenv.found(environment) == pyenv.python("3.12.10"));
  environment.set("PYENV_VERSION", "python-3.12.9");
  CHECK(pyenv.found(environment) == pyenv.python("3.12.9"));
  environment.set("PYENV_VERSION", "3.8:3.12.2");
  CHECK(pyenv.found(environment) == pyenv.python("3.12.2"));
}

TEST_CASE("pyenv: a version that is not there is named, with where it is set", "[interpreter]") {
  const PyenvRoot pyenv({"3.12.2"});
  std::filesystem::remove(pyenv.folder().file("usr/python3"));
  pyenv.folder().write("work/.python-version", "3.7.7\n../../../etc\n");
  const std::string message = pyenv.found(pyenv.environment());
  CHECK(message.find("3.7.7") != std::string::npos);
  CHECK(message.find("work/.python-version") != std::string::npos);
  CHECK(message.find("etc") == std::string::npos);
}

TEST_CASE("pyenv: the environment is as pyenv leaves it", "[interpreter]") {
  const PyenvRoot pyenv({"3.12.2"});
  launcher::Environment environment = pyenv.environment();
  environment.set("PYENV_VERSION", "3.12");
  environment.set("_", "/bin/x");
  const auto interpreter =
      launcher::discover_interpreter("", pyenv.folder().file("work/deep"), environment);
  REQUIRE(interpreter);
  CHECK(interpreter->argv0 == pyenv.python("3.12.2"));
  CHECK(environment.get("PYENV_VERSION") == "3.12.2");
  CHECK(environment.get("PYENV_ROOT") == pyenv.root());
  CHECK(environment.get("PYENV_DIR") == pyenv.folder().file("work/deep"));
  CHECK(environment.get("PATH")->starts_with(pyenv.root() + "/versions/3.12.2/bin:" + pyenv.root() +
                                             "/libexec:"));
  CHECK(!environment.get("_"));
}

TEST_CASE("pyenv: other files on PATH are no shims", "[interpreter]") {
  const PyenvRoot pyenv({"3.12.2"});
  CHECK(launcher::pyenv_shim_root(pyenv.root() + "/shims/tool") == pyenv.root());
  CHECK(!launcher::pyenv_shim_root(pyenv.python("3.12.2")));
  CHECK(!launcher::pyenv_shim_root("/bin/sh"));
  CHECK(!launcher::pyenv_shim_root("/nowhere/shims/x"));
  CHECK(!launcher::pyenv_shim_root(pyenv.folder().write("x/shims/y", "#!/bin/sh\nexec y\n", 0755)));
}

TEST_CASE("environment: entries keep their order and their oddities", "[interpreter]") {
  launcher::Environment environment({"A=1", "odd", "B=2", "A=3"});
  CHECK(environment.get("A") == "1");
  CHECK(!environment.get("odd"));
  environment.set("B", "");
  environment.set("C", "4");
  CHECK(environment.get("B") == "");
  environment.unset("A");
  CHECK(environment.entries() == std::vector<std::string>{"odd", "B=", "C=4"});
}

}  // namespace
}  // namespace vtn

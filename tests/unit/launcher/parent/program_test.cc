// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent/program.h"

#include <errno.h>

#include "tests/support/catch.h"
#include "tests/support/forked.h"
#include "tests/support/temporary_folder.h"

namespace vtn::launcher {
namespace {

using test::exited_with;
using test::status_of_forked;

Command shell(const std::string& script, const std::vector<std::string>& environment = {}) {
  return {"/bin/sh", {"sh", "-c", script}, environment};
}

// How the program ended, with what it inherits being what this process has.
int status_of(const Command& command) {
  int status = -1;
  const int child = status_of_forked([&] {
    const InheritedSignals inherited = take_over_signals();
    auto program = start_program(command, inherited);
    return program && waitpid(*program, &status, 0) == *program && WIFEXITED(status)
               ? WEXITSTATUS(status)
               : 99;
  });
  REQUIRE(WIFEXITED(child));
  return WEXITSTATUS(child);
}

TEST_CASE("program: runs with its arguments and its environment, and nothing else", "[program]") {
  CHECK(status_of(shell("exit 7")) == 7);
  CHECK(status_of(shell("exit $GIVEN", {"GIVEN=11"})) == 11);
  CHECK(status_of({"/bin/sh", {"sh", "-c", "exit $1", "zero", "13"}, {}}) == 13);
  // The table of descriptors is the one that it would have: none of ours is left open in it.
  CHECK(status_of(shell("set -- /proc/self/fd/*; exit $#", {})) ==
        status_of_forked([] {
          execl("/bin/sh", "sh", "-c", "set -- /proc/self/fd/*; exit $#", nullptr);
          return 98;
        }) >>
            8);
}

TEST_CASE("program: what cannot be executed gives execve's errno, as a shell's status",
          "[program]") {
  TemporaryFolder folder;
  const InheritedSignals as_is = {};
  const auto error_of = [&](const std::string& file) {
    auto program = start_program({file, {"x"}, {}}, as_is);
    REQUIRE_FALSE(program.has_value());
    CHECK(program.error().message.find("cannot run " + file) == 0);
    return program.error();
  };
  CHECK(error_of(folder.file("absent")).code == ENOENT);
  CHECK(error_of(folder.path()).code == EACCES);
  CHECK(status_of_failed_start(error_of(folder.file("absent"))) == exited_with(127));
  CHECK(status_of_failed_start(error_of(folder.path())) == exited_with(126));
  CHECK(shell_status_of(ENOTDIR) == 127);
  CHECK(shell_status_of(ELOOP) == 126);
}

TEST_CASE("program: a text file without an interpreter's name is the shell's", "[program]") {
  TemporaryFolder folder;
  const std::string script = folder.write("script", "exit $1\n", 0755);
  CHECK(status_of({script, {"any name", "17"}, {}}) == 17);
}

TEST_CASE("program: the preload library stands behind the user's own", "[program]") {
  const std::string users_own = "/a.so:/b.so";
  CHECK(preload_value(nullptr, "/shim.so") == "/shim.so");
  CHECK(preload_value(&users_own, "/shim.so") == "/a.so:/b.so:/shim.so");
}

}  // namespace
}  // namespace vtn::launcher

// SPDX-License-Identifier: Apache-2.0
#include "launcher/program.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"

namespace vtn {

namespace {

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) {
    pointers.push_back(const_cast<char*>(text.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Result<pid_t> start_program(const ProgramImage& image, const InheritedSignals& inherited) {
  const std::vector<char*> argv = pointers_to(image.argv);
  const std::vector<char*> environment = pointers_to(image.environment);
  std::vector<std::string> shell_arguments = {"/bin/sh", image.file};
  for (size_t i = 1; i < image.argv.size(); ++i) {
    shell_arguments.push_back(image.argv[i]);
  }
  const std::vector<char*> shell_argv = pointers_to(shell_arguments);

  VTN_ASSIGN(Pipe status, make_pipe());
  const pid_t supervisor = getpid();
  const pid_t child = fork();
  if (child < 0) {
    return fail_errno("cannot start " + image.file);
  }
  if (child == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor) {
      _exit(1);
    }
    give_back_signals(inherited);
    (void)execve(image.file.c_str(), argv.data(), environment.data());
    if (errno == ENOEXEC) {
      (void)execve("/bin/sh", shell_argv.data(), environment.data());
    }
    const int code = errno;
    (void)write_all(status.write_end.get(), {reinterpret_cast<const char*>(&code), sizeof(code)});
    _exit(127);
  }
  status.write_end.reset();
  int code = 0;
  auto got = read_all(status.read_end.get(), &code, sizeof(code));
  if (got && *got == sizeof(code)) {
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    return fail_errno("cannot run " + image.file, code);
  }
  return child;
}

std::string preload_value(const std::string* users_own, const std::string& shim) {
  return users_own == nullptr ? shim : *users_own + ":" + shim;
}

}  // namespace vtn

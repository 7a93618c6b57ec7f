// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent/program.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"

namespace vtn::launcher {

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

Error exec_program(const Command& image, const InheritedSignals& inherited) {
  const std::vector<char*> argv = pointers_to(image.argv);
  const std::vector<char*> environment = pointers_to(image.environment);
  give_back_signals(inherited);
  (void)execve(image.file.c_str(), argv.data(), environment.data());
  if (errno == ENOEXEC) {
    std::vector<std::string> arguments = {"/bin/sh", image.file};
    for (size_t i = 1; i < image.argv.size(); ++i) {
      arguments.push_back(image.argv[i]);
    }
    (void)execve("/bin/sh", pointers_to(arguments).data(), environment.data());
  }
  return fail_errno("cannot run " + image.file).value();
}

int status_of_failed_start(const Error& error) {
  return (error.code == ENOENT || error.code == ENOTDIR ? 127 : 126) << 8;
}

Result<pid_t> start_program(const Command& image, const InheritedSignals& inherited) {
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
    const int code = exec_program(image, inherited).code;
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

}  // namespace vtn::launcher

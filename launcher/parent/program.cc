// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent/program.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/freestanding/atomic.h"
#include "base/freestanding/syscalls.h"
#include "tracer/clock.h"

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

// It has no parent in the tree.
void publish(ProcessSlot& slot, ControlPage& control) {
  slot.pid = static_cast<uint32_t>(getpid());
  slot.start_ticks = tracer::read_ticks(static_cast<ClockKind>(control.clock_kind));
  store_release(&slot.state, uint32_t{VTN_SLOT_PRESENT});
  add_release(&control.full_chunks, uint32_t{1});
  futex_wake(&control.full_chunks, 1);
}

}  // namespace

void announce(const session::Session& session, uint32_t reason, Command& image) {
  image.control = session.arena.control;
  image.announced = &session.arena.processes[0];
  image.control->process_high_water = 1;
  ProcessSlot& slot = *image.announced;
  slot.state = VTN_SLOT_CLAIMED;
  slot.kind = VTN_SLOT_START;
  slot.reason = reason;
  slot.pid_namespace = image.control->pid_namespace;
  std::string text = image.file + '\0';
  for (const std::string& argument : image.argv) {
    text += argument + '\0';
  }
  slot.text_bytes = static_cast<uint32_t>(text.copy(slot.text, sizeof(slot.text)));
}

Error exec_program(const Command& image, const InheritedSignals& inherited) {
  const std::vector<char*> argv = pointers_to(image.argv);
  const std::vector<char*> environment = pointers_to(image.environment);
  give_back_signals(inherited);
  if (image.announced != nullptr) {
    publish(*image.announced, *image.control);
  }
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

int shell_status_of(int error_code) {
  return error_code == ENOENT || error_code == ENOTDIR ? 127 : 126;
}

int status_of_failed_start(const Error& error) { return shell_status_of(error.code) << 8; }

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

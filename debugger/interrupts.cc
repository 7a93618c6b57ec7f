// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <time.h>

#include "base/threads.h"
#include "debugger/lines.h"

namespace vtn::debugger {

namespace {

sigset_t only_interrupt() {
  sigset_t set;
  (void)sigemptyset(&set);
  (void)sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

Interrupts::Interrupts() {
  const sigset_t interrupt = only_interrupt();
  (void)pthread_sigmask(SIG_BLOCK, &interrupt, &before_);
  // Without it an interrupt is noticed once a line has come.
  fd_ = UniqueFd(signalfd(-1, &interrupt, SFD_CLOEXEC | SFD_NONBLOCK));
}

Interrupts::~Interrupts() {
  take();
  (void)pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool Interrupts::pending() const { return is_pending(SIGINT); }

void Interrupts::take() {
  const sigset_t interrupt = only_interrupt();
  const timespec now = {};
  while (sigtimedwait(&interrupt, nullptr, &now) == SIGINT) {
  }
}

bool Interrupts::wait_for_input(int fd) {
  pollfd both[2] = {{fd, POLLIN, 0}, {fd_.get(), POLLIN, 0}};
  while (poll(both, 2, -1) < 0 && errno == EINTR) {
  }
  if ((both[1].revents & POLLIN) == 0) {
    return true;
  }
  take();
  return false;
}

}  // namespace vtn::debugger

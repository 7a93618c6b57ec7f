// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent/end_watch.h"

#include <utility>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "launcher/parent/signals.h"

namespace vtn::launcher {

namespace {

void wait_for_end(int signals, int stop, const std::function<void(int)>& end) {
  for (;;) {
    pollfd waits[] = {{signals, POLLIN, 0}, {stop, POLLIN, 0}};
    if (poll(waits, 2, -1) < 0 && errno != EINTR) {
      return;
    }
    if (waits[1].revents != 0) {
      return;
    }
    signalfd_siginfo info = {};
    if (waits[0].revents != 0 && read(signals, &info, sizeof(info)) == sizeof(info)) {
      end(static_cast<int>(info.ssi_signo));
    }
  }
}

}  // namespace

EndWatch::EndWatch(UniqueFd signals, Pipe stop, Thread thread)
    : signals_(std::move(signals)), stop_(std::move(stop)), thread_(std::move(thread)) {}

EndWatch::~EndWatch() {
  stop_.write_end.reset();
  thread_.join();
}

Result<EndWatch> EndWatch::start(std::function<void(int)> end) {
  const sigset_t wanted = heeded_end_signals();
  VTN_ASSIGN(Pipe stop, make_pipe());
  VTN_ASSIGN(UniqueFd signals, above_standard(UniqueFd(signalfd(-1, &wanted, SFD_CLOEXEC))));
  if (!signals) {
    return fail_errno("cannot wait for signals");
  }
  (void)pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  VTN_ASSIGN(
      Thread thread,
      Thread::start([signals = signals.get(), stop = stop.read_end.get(), end = std::move(end)] {
        wait_for_end(signals, stop, end);
      }));
  return EndWatch(std::move(signals), std::move(stop), std::move(thread));
}

}  // namespace vtn::launcher

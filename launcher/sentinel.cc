// SPDX-License-Identifier: Apache-2.0
#include "launcher/sentinel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace vtn {

namespace {

enum class Word : int { kPing, kWatch, kSignal, kPong };

struct Message {
  Word word;
  int signal;
  pid_t sender;
};

constexpr int kWatchMs = 100;
constexpr int kWatchRounds = 5;
constexpr int kAnswerMs = 500;         // the sentinel may be stopped along with the group
constexpr long kSettleNs = 2'000'000;  // a signal to a group is sent to its members in turn

// 'T' stopped, 't' traced, 'Z' or 0 gone. The name in the second field may hold anything.
char state_of(pid_t pid) {
  char path[32];
  (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return 0;
  }
  char text[256];
  const ssize_t count = read(fd, text, sizeof(text) - 1);
  (void)close(fd);
  text[count < 0 ? 0 : count] = '\0';
  const char* end = strrchr(text, ')');
  return end != nullptr && end[1] == ' ' ? end[2] : '\0';
}

void report_signals(int signals, int channel) {
  signalfd_siginfo info;
  while (read(signals, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    if (info.ssi_code <= 0) {
      const Message message = {
          Word::kSignal, static_cast<int>(info.ssi_signo), static_cast<pid_t>(info.ssi_pid)};
      (void)send(channel, &message, sizeof(message), MSG_NOSIGNAL);
    }
  }
}

[[noreturn]] void run_sentinel(pid_t supervisor, pid_t program, int channel, int signals) {
  int rounds = 0;  // left to watch while the supervisor does not seem stopped (yet, or any more)
  for (;;) {
    pollfd waiting = {channel, POLLIN, 0};
    const int ready = poll(&waiting, 1, rounds > 0 ? kWatchMs : -1);
    if (ready > 0) {
      Message message;
      const ssize_t count = recv(channel, &message, sizeof(message), 0);
      if (count == 0 || (count < 0 && errno != EINTR)) {
        _exit(0);
      }
      if (message.word == Word::kPing) {
        report_signals(signals, channel);
        message.word = Word::kPong;
        (void)send(channel, &message, sizeof(message), MSG_NOSIGNAL);
      } else {
        rounds = kWatchRounds;
      }
    } else if (ready == 0 && state_of(supervisor) != 'T') {
      --rounds;
    } else if (ready == 0 && state_of(program) != 'T') {
      (void)kill(supervisor, SIGCONT);
      rounds = 0;
    }
  }
}

}  // namespace

Result<Sentinel> Sentinel::start(pid_t program) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail_errno("cannot create a socket pair");
  }
  VTN_ASSIGN(UniqueFd ours, above_standard(UniqueFd(ends[0])));
  VTN_ASSIGN(UniqueFd theirs, above_standard(UniqueFd(ends[1])));
  sigset_t all;
  sigfillset(&all);
  VTN_ASSIGN(const UniqueFd signals,
             above_standard(UniqueFd(signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK))));
  const pid_t supervisor = getpid();
  const pid_t pid = fork();
  if (pid < 0) {
    return fail_errno("cannot fork");
  }
  if (pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor) {
      _exit(1);
    }
    (void)prctl(PR_SET_NAME, "vtn-sentinel");
    // Nothing may stay open on its account: neither the program's pipes nor the session's lock.
    const int channel = dup2(theirs.get(), 0);
    const int signal_fd = dup2(signals.get(), 1);
    (void)close_range(2, ~0u, 0);
    run_sentinel(supervisor, program, channel, signal_fd);
  }
  return Sentinel(pid, std::move(ours));
}

Sentinel::~Sentinel() {
  // A moved-from one has no channel.
  if (channel_ && pid_ > 0) {
    (void)kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

bool Sentinel::saw(const siginfo_t& info) {
  const timespec settle = {0, kSettleNs};
  (void)nanosleep(&settle, nullptr);
  const Message ping = {Word::kPing, 0, 0};
  if (send(channel_.get(), &ping, sizeof(ping), MSG_NOSIGNAL) < 0) {
    return false;
  }
  pollfd waiting = {channel_.get(), POLLIN, 0};
  Message message = ping;
  while (message.word != Word::kPong && poll(&waiting, 1, kAnswerMs) > 0 &&
         recv(channel_.get(), &message, sizeof(message), 0) > 0) {
    if (message.word == Word::kSignal && seen_count_ < kMostSeen) {
      seen_[seen_count_++] = {message.signal, message.sender};
    }
  }
  // What stays on the list must still be on its way to the supervisor; the rest is history.
  sigset_t pending;
  (void)sigpending(&pending);
  bool found = false;
  int kept = 0;
  for (int i = 0; i < seen_count_; ++i) {
    const bool same = seen_[i].signal == info.si_signo && seen_[i].sender == info.si_pid;
    found = found || same;
    if (sigismember(&pending, seen_[i].signal) == 1) {
      seen_[kept++] = seen_[i];
    }
  }
  seen_count_ = kept;
  return found;
}

void Sentinel::watch_program() {
  const Message message = {Word::kWatch, 0, 0};
  (void)send(channel_.get(), &message, sizeof(message), MSG_NOSIGNAL);
}

}  // namespace vtn

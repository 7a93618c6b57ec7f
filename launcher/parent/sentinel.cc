// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent/sentinel.h"

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

namespace vtn::launcher {

namespace {

enum class Word : int { kPing, kWatch, kSignal, kPong, kStarted };

struct Message {
  Word word;
  int signal;
  pid_t sender;  // of kStarted: the sentinel's pid
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

[[noreturn]] void run_sentinel(int channel, int signals) {
  Message message;
  for (;;) {
    const ssize_t count = recv(channel, &message, sizeof(message), 0);
    if (count == 0 || (count < 0 && errno != EINTR)) {
      _exit(0);
    }
    if (count > 0) {
      report_signals(signals, channel);
      message.word = Word::kPong;
      (void)send(channel, &message, sizeof(message), MSG_NOSIGNAL);
    }
  }
}

// Dies with whoever forked it. Nothing may stay open on its account, neither the program's pipes
// nor the session's lock: only `first` and `second`, which become 0 and 1.
void settle(const char* name, int first, int second) {
  (void)prctl(PR_SET_NAME, name);
  const int kept = fcntl(second, F_DUPFD_CLOEXEC, 3);  // it may be 0 itself
  (void)dup2(first, 0);
  (void)dup2(kept, 1);
  (void)close_range(2, ~0u, 0);
}

class Keeper {
 public:
  Keeper(pid_t supervisor, pid_t program, pid_t sentinel)
      : supervisor_(supervisor), program_(program), sentinel_(sentinel) {}

  [[noreturn]] void run(int channel, int signals) {
    for (;;) {
      pollfd waiting[2] = {{channel, POLLIN, 0}, {signals, POLLIN, 0}};
      if (poll(waiting, 2, rounds_ > 0 ? kWatchMs : -1) == 0) {
        look();
        continue;
      }
      Message message;
      if (waiting[0].revents != 0) {
        if (recv(channel, &message, sizeof(message), 0) <= 0) {
          _exit(0);
        }
        rounds_ = kWatchRounds;
      }
      if (waiting[1].revents != 0) {
        signalfd_siginfo info;
        while (read(signals, &info, sizeof(info)) > 0) {
        }
        look_at_sentinel();
      }
    }
  }

 private:
  void look_at_sentinel() {
    int status = 0;
    while (waitpid(sentinel_, &status, WNOHANG | WUNTRACED | WCONTINUED) > 0) {
      if (WIFSTOPPED(status)) {
        sentinel_stopped_ = true;
        rounds_ = kWatchRounds;
      } else if (WIFCONTINUED(status)) {
        sentinel_stopped_ = false;
      } else {
        _exit(0);  // the supervisor does without
      }
    }
  }

  // The supervisor follows the program. That it is not stopped may mean that it is not stopped yet:
  // it gets some rounds.
  void look() {
    if (state_of(supervisor_) == 'T') {
      if (state_of(program_) == 'T') {
        return;
      }
      (void)kill(supervisor_, SIGCONT);
      rounds_ = 1;
    }
    if (--rounds_ == 0 && sentinel_stopped_) {
      (void)kill(sentinel_, SIGCONT);
    }
  }

  pid_t supervisor_;
  pid_t program_;
  pid_t sentinel_;
  bool sentinel_stopped_ = false;
  int rounds_ = 0;  // left to watch while the supervisor does not seem stopped
};

struct Channel {
  UniqueFd ours;
  UniqueFd theirs;
};

Result<Channel> make_channel() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail_errno("cannot create a socket pair");
  }
  Channel channel;
  UniqueFd theirs(ends[1]);
  VTN_ASSIGN(channel.ours, above_standard(UniqueFd(ends[0])));
  VTN_ASSIGN(channel.theirs, above_standard(std::move(theirs)));
  return channel;
}

// The keeper's whole life. It forks the sentinel before it leaves the group.
[[noreturn]] void become_keeper(
    pid_t supervisor, pid_t program, int to_supervisor, int sentinels_channel, int signals) {
  const pid_t keeper = getpid();
  const pid_t sentinel = fork();
  if (sentinel == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != keeper) {
      _exit(1);
    }
    settle("vtn-sentinel", sentinels_channel, signals);
    run_sentinel(0, 1);
  }
  (void)setsid();
  settle("vtn-keeper", to_supervisor, signals);
  const Message message = {Word::kStarted, 0, sentinel};
  (void)send(0, &message, sizeof(message), MSG_NOSIGNAL);
  if (sentinel < 0) {
    _exit(1);
  }
  Keeper(supervisor, program, sentinel).run(0, 1);
}

}  // namespace

Result<Sentinel> Sentinel::start(pid_t program) {
  VTN_ASSIGN(Channel keepers, make_channel());
  VTN_ASSIGN(Channel sentinels, make_channel());
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
    become_keeper(supervisor, program, keepers.theirs.get(), sentinels.theirs.get(), signals.get());
  }
  keepers.theirs.reset();
  Sentinel sentinel(pid, -1, std::move(keepers.ours), std::move(sentinels.ours));
  Message message;
  if (recv(sentinel.to_keeper_.get(), &message, sizeof(message), 0) !=
          static_cast<ssize_t>(sizeof(message)) ||
      message.sender < 0) {
    return fail("cannot tell signals to the group from others");
  }
  sentinel.sentinel_ = message.sender;
  return sentinel;
}

Sentinel::~Sentinel() {
  // A moved-from one has no channel.
  if (to_keeper_ && keeper_ > 0) {
    (void)kill(keeper_, SIGKILL);  // the sentinel goes with it
    while (waitpid(keeper_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

bool Sentinel::saw(const siginfo_t& info) {
  const timespec settle = {0, kSettleNs};
  (void)nanosleep(&settle, nullptr);
  const Message ping = {Word::kPing, 0, 0};
  if (send(to_sentinel_.get(), &ping, sizeof(ping), MSG_NOSIGNAL) < 0) {
    return false;
  }
  pollfd waiting = {to_sentinel_.get(), POLLIN, 0};
  Message message = ping;
  while (message.word != Word::kPong && poll(&waiting, 1, kAnswerMs) > 0 &&
         recv(to_sentinel_.get(), &message, sizeof(message), 0) > 0) {
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
  (void)send(to_keeper_.get(), &message, sizeof(message), MSG_NOSIGNAL);
}

}  // namespace vtn::launcher

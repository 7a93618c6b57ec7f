// SPDX-License-Identifier: Apache-2.0
//
// Real processes, watched with all that this kernel has and with less.
#include "collector/process_watch.h"

#include <algorithm>
#include <functional>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tracer/clock.h"

namespace vtn {
namespace {

constexpr int kMostMs = 60'000;

UniqueFd no_descriptor_left(pid_t) {
  errno = EMFILE;
  return UniqueFd();
}
std::optional<int32_t> no_exit_info(int) { return {}; }
std::optional<ProcessStat> no_stat(pid_t) { return {}; }
// Whose status nobody may know.
std::optional<ProcessStat> stays_a_zombie(pid_t) { return ProcessStat{.state = 'Z'}; }

// A child that does what it is told and is waited for by the test.
class Child {
 public:
  explicit Child(const std::function<int()>& work) : pid_(fork()) {
    if (pid_ == 0) {
      (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
      _exit(work());
    }
    REQUIRE(pid_ > 0);  // in the parent alone: the child would print its own line
  }
  ~Child() {
    (void)::kill(pid_, SIGKILL);
    wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  void kill(int signal) const { (void)::kill(pid_, signal); }
  int wait() {
    if (waited_) {
      return status_;
    }
    while (waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    waited_ = true;
    return status_;
  }
  // Dead, and nobody has waited for it.
  void until_zombie() const {
    siginfo_t info;
    REQUIRE(waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) == 0);
  }

 private:
  pid_t pid_;
  int status_ = 0;
  bool waited_ = false;
};

int sleep_long() {
  for (;;) {
    (void)pause();
  }
}

ProcessSlot slot_of(pid_t pid) {
  ProcessSlot slot = {};
  slot.pid = static_cast<uint32_t>(pid);
  slot.parent_pid = static_cast<uint32_t>(getpid());
  return slot;
}

// Collects until the process is among the dead, and what was asked for holds.
std::vector<uint32_t> collect_dead(collector::ProcessWatch& watch, size_t count) {
  std::vector<uint32_t> dead;
  for (int waited = 0; dead.size() < count && waited < kMostMs; ++waited) {
    const int timeout = watch.timeout_ms();
    struct pollfd waiting = {watch.fd(), POLLIN, 0};
    (void)poll(&waiting, 1, timeout < 0 ? 1000 : std::min(timeout, 1000));
    (void)watch.collect();
    for (const uint32_t number : watch.take_dead()) {
      dead.push_back(number);
    }
  }
  return dead;
}

TEST_CASE("watch: who ran before the session is not waited for", "[watch]") {
  collector::ProcessWatch watch(ClockKind::kMonotonic);
  Child attached(sleep_long);
  Child other(sleep_long);
  ProcessSlot slot = slot_of(attached.pid());
  slot.flags |= kSlotAttached;
  (void)watch.met(0, slot, 0);
  (void)watch.met(1, slot_of(other.pid()), 0);
  CHECK(watch.living() == 2);
  CHECK(watch.awaited() == 1);
  other.kill(SIGKILL);
  (void)other.wait();
  CHECK(collect_dead(watch, 1) == std::vector<uint32_t>{1});
  CHECK(watch.living() == 1);
  CHECK(watch.awaited() == 0);
  // Another program in it is like any other that was started meanwhile.
  watch.changed(0);
  CHECK(watch.awaited() == 1);
  attached.kill(SIGKILL);
  (void)attached.wait();
  CHECK(collect_dead(watch, 1) == std::vector<uint32_t>{0});
  CHECK(watch.awaited() == 0);
}

int open_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 4096; ++fd) {
    count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  }
  return count;
}

TEST_CASE("watch: the status of a process that was waited for or not is known", "[watch]") {
  collector::ProcessWatch watch(ClockKind::kMonotonic);
  Child exits([] { return 42; });
  Child killed(sleep_long);
  CHECK(watch.met(0, slot_of(exits.pid()), 0).pid == static_cast<uint32_t>(exits.pid()));
  (void)watch.met(1, slot_of(killed.pid()), 0);
  CHECK(watch.living() == 2);
  CHECK(watch.lives(1));
  // The first stays a zombie for the time being.
  CHECK(collect_dead(watch, 1) == std::vector<uint32_t>{0});
  CHECK_FALSE(watch.lives(0));
  const collector::ProcessFate first = watch.fate(0);
  CHECK(first.died);
  CHECK(first.status_known);
  CHECK(first.wait_status == 42 << 8);
  CHECK(first.end_ticks != 0);
  killed.kill(SIGKILL);
  (void)killed.wait();
  CHECK(collect_dead(watch, 1) == std::vector<uint32_t>{1});
  const collector::ProcessFate second = watch.fate(1);
  CHECK(second.died);
  // Only a kernel from 6.15 on knows of those that are gone.
  if (second.status_known) {
    CHECK(second.wait_status == SIGKILL);
  }
  CHECK(watch.living() == 0);
}

TEST_CASE("watch: without the kernel's word /proc tells of a zombie", "[watch]") {
  collector::ProcessWatch watch(ClockKind::kMonotonic, {.exit_status_of = no_exit_info});
  Child exits([] { return 7; });
  (void)watch.met(0, slot_of(exits.pid()), 0);
  exits.until_zombie();
  CHECK(collect_dead(watch, 1).size() == 1);
  const collector::ProcessFate fate = watch.fate(0);
  CHECK(fate.status_known);
  CHECK(fate.wait_status == 7 << 8);
}

TEST_CASE("watch: without either it is known to be dead, and no more", "[watch]") {
  collector::ProcessWatch watch(ClockKind::kMonotonic,
                                {.exit_status_of = no_exit_info, .read_process_stat = no_stat});
  Child exits([] { return 7; });
  (void)watch.met(0, slot_of(exits.pid()), 0);
  (void)exits.wait();
  CHECK(collect_dead(watch, 1).size() == 1);
  const collector::ProcessFate fate = watch.fate(0);
  CHECK(fate.died);
  CHECK_FALSE(fate.status_known);
}

TEST_CASE("watch: where no descriptor is left it looks now and then", "[watch]") {
  for (const bool proc : {true, false}) {
    collector::KernelCalls kernel = {.open_pidfd = no_descriptor_left};
    if (!proc) {
      kernel.read_process_stat = no_stat;
    }
    collector::ProcessWatch watch(ClockKind::kMonotonic, kernel);
    Child stays(sleep_long);
    Child killed(sleep_long);
    (void)watch.met(0, slot_of(stays.pid()), 0);
    (void)watch.met(1, slot_of(killed.pid()), 0);
    CHECK(watch.lives(0));
    CHECK(watch.timeout_ms() >= 0);
    killed.kill(SIGUSR2);
    if (proc) {
      killed.until_zombie();
    } else {
      (void)killed.wait();
    }
    CHECK(collect_dead(watch, 1) == std::vector<uint32_t>{1});
    const collector::ProcessFate fate = watch.fate(1);
    CHECK(fate.died);
    CHECK(fate.status_known == proc);
    if (proc) {
      CHECK(fate.wait_status == SIGUSR2);
    }
    CHECK(watch.living() == 1);
    CHECK_FALSE(watch.fate(0).died);
  }
}

TEST_CASE("watch: a process that had gone before it was met is dead at once", "[watch]") {
  collector::ProcessWatch watch(ClockKind::kMonotonic);
  pid_t pid = 0;
  {
    Child exits([] { return 0; });
    pid = exits.pid();
    (void)exits.wait();
  }
  (void)watch.met(0, slot_of(pid), 0);
  CHECK_FALSE(watch.lives(0));
  CHECK(watch.timeout_ms() == -1);
  CHECK(watch.take_dead() == std::vector<uint32_t>{0});
  CHECK(watch.living() == 0);
  const collector::ProcessFate fate = watch.fate(0);
  CHECK(fate.died);
  CHECK_FALSE(fate.status_known);
}

TEST_CASE("watch: who died a moment ago is not called alive", "[watch]") {
  collector::ProcessWatch watch(ClockKind::kMonotonic);
  Child exits(sleep_long);
  (void)watch.met(0, slot_of(exits.pid()), 0);
  exits.kill(SIGKILL);
  exits.until_zombie();
  const collector::ProcessFate fate = watch.fate(0);  // nobody has collected
  CHECK(fate.died);
  CHECK(fate.wait_status == SIGKILL);
  CHECK(watch.living() == 0);
}

TEST_CASE("watch: who is asked for while it settles is counted out", "[watch]") {
  collector::ProcessWatch watch(
      ClockKind::kMonotonic, {.exit_status_of = no_exit_info, .read_process_stat = stays_a_zombie});
  Child exits(sleep_long);
  (void)watch.met(0, slot_of(exits.pid()), 0);
  exits.kill(SIGKILL);
  exits.until_zombie();
  (void)watch.collect();  // waits on: its parent may be about to wait for it
  CHECK(watch.fate(0).died);
  CHECK(watch.living() == 0);
  (void)watch.collect();
  CHECK(watch.living() == 0);
}

TEST_CASE("watch: many short processes cost no descriptor in the end", "[watch]") {
  collector::ProcessWatch watch(ClockKind::kMonotonic);
  const int before = open_descriptors();
  uint32_t number = 0;
  for (int round = 0; round < 30; ++round) {
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 10; ++i) {
      children.push_back(std::make_unique<Child>([] { return 0; }));
      (void)watch.met(number++, slot_of(children.back()->pid()), 0);
    }
    children.clear();
    const std::vector<uint32_t> dead = collect_dead(watch, 10);
    REQUIRE(dead.size() == 10);
    for (const uint32_t process : dead) {
      REQUIRE(watch.fate(process).died);
    }
  }
  CHECK(open_descriptors() == before);
  CHECK(watch.living() == 0);
}

TEST_CASE("watch: the descriptors that are there are used, the rest is looked at", "[watch]") {
  collector::ProcessWatch watch(ClockKind::kMonotonic);
  std::vector<std::unique_ptr<Child>> children;
  for (uint32_t i = 0; i < 8; ++i) {
    children.push_back(std::make_unique<Child>(sleep_long));
  }
  struct rlimit before = {};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const UniqueFd next(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const struct rlimit few = {static_cast<rlim_t>(next.get()) + 4, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
  for (uint32_t i = 0; i < 8; ++i) {
    (void)watch.met(i, slot_of(children[i]->pid()), 0);
  }
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  children.clear();
  std::vector<uint32_t> dead = collect_dead(watch, 8);
  std::sort(dead.begin(), dead.end());
  CHECK(dead == std::vector<uint32_t>{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("watch: what a process calls itself is seen while it lives", "[watch]") {
  collector::ProcessWatch watch(ClockKind::kMonotonic);
  int go[2];
  REQUIRE(pipe2(go, O_CLOEXEC) == 0);
  Child sleeps([&] {
    char byte = 0;
    (void)!read(go[0], &byte, 1);
    // A program's own command line is what it is after an exec.
    (void)execl("/bin/sleep", "a title", "1000", nullptr);
    return 1;
  });
  (void)watch.met(0, slot_of(sleeps.pid()), 0);
  (void)!write(go[1], "x", 1);
  const auto read_title = [&] {
    for (int waited = 0; waited < kMostMs; waited += 50) {
      struct pollfd waiting = {watch.fd(), POLLIN, 0};
      (void)poll(&waiting, 1, std::clamp(watch.timeout_ms(), 0, 50));
      (void)watch.collect();
      if (read_command_line(sleeps.pid()).starts_with("a title")) {
        break;
      }
    }
  };
  read_title();
  // At the latest a second later.
  std::string line;
  for (int waited = 0; waited < kMostMs && !line.starts_with("a title"); waited += 50) {
    const timespec pause = {0, 50'000'000};
    (void)nanosleep(&pause, nullptr);
    (void)watch.collect();
    line = watch.fate(0).command_line;
  }
  CHECK(line == std::string("a title\0001000\0", 13));
  (void)close(go[0]);
  (void)close(go[1]);
}

TEST_CASE("watch: facts of this very process", "[watch]") {
  const auto stat = read_process_stat(getpid());
  REQUIRE(stat);
  CHECK(stat->parent_pid == static_cast<uint32_t>(getppid()));
  CHECK_FALSE(stat->wait_status);
  struct timespec now = {};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  const uint64_t now_ns = static_cast<uint64_t>(now.tv_sec) * 1'000'000'000;
  CHECK(started_at_ns(*stat) < now_ns + 2'000'000'000);
  CHECK(started_at_ns(*stat) + 3'600'000'000'000 > now_ns);
  CHECK_FALSE(read_process_stat(0x7fff'fff0));
  // Its own namespace, found by its parent and without.
  const auto own = static_cast<uint32_t>(getpid());
  CHECK(find_in_namespace(own_pid_namespace(), own, 0).pid == own);
  CHECK(find_in_namespace(own_pid_namespace(), own, stat->parent_pid).pid == own);
  CHECK(find_in_namespace(own_pid_namespace(), own, 0).parent_pid == stat->parent_pid);
  CHECK(find_in_namespace(own_pid_namespace() + 1, own, 0).pid == 0);
}

TEST_CASE("watch: a program that we are in is told from one that we are not", "[watch]") {
  char path[] = "/tmp/vtn-watch-XXXXXX";
  const UniqueFd file(mkstemp(path));
  REQUIRE(unlink(path) == 0);
  REQUIRE(ftruncate(file.get(), 4096) == 0);
  void* mapped = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file.get(), 0);
  REQUIRE(mapped != MAP_FAILED);
  Child stays(sleep_long);
  Child goes([] {
    (void)execl("/bin/sleep", "sleep", "600", nullptr);
    return 1;
  });
  const std::string line = std::string("sleep") + '\0' + "600" + '\0';
  for (int waited = 0; waited < kMostMs && read_command_line(goes.pid()) != line; ++waited) {
    (void)usleep(1000);
  }
  collector::ProcessWatch watch(ClockKind::kMonotonic, {}, std::string(path).substr(5));
  collector::ProcessWatch without(ClockKind::kMonotonic);
  const uint64_t before = tracer::monotonic_ns();
  for (collector::ProcessWatch* each : {&watch, &without}) {
    (void)each->met(0, slot_of(stays.pid()), 0);
    (void)each->met(1, slot_of(goes.pid()), 0);
  }
  CHECK(watch.fate(0).past_us_ticks == 0);
  const collector::ProcessFate fate = watch.fate(1);
  CHECK(!fate.died);
  CHECK(fate.past_us_ticks >= before);
  CHECK(fate.command_line == line);
  CHECK(fate.executable == read_executable(goes.pid()));
  CHECK(without.fate(1).past_us_ticks == 0);
  // Looked at while it lived: known when it is dead.
  collector::ProcessWatch later(ClockKind::kMonotonic, {}, std::string(path).substr(5));
  (void)later.met(0, slot_of(goes.pid()), 0);
  // Until the first look at titles, 50 ms after it was met: the next is due in 200.
  for (int waited = 0; waited < kMostMs && later.timeout_ms() <= 100; ++waited) {
    struct pollfd waiting = {later.fd(), POLLIN, 0};
    (void)poll(&waiting, 1, later.timeout_ms());
    (void)later.collect();
  }
  goes.kill(SIGKILL);
  CHECK(collect_dead(later, 1) == std::vector<uint32_t>{0});
  CHECK(later.fate(0).past_us_ticks != 0);
  (void)munmap(mapped, 4096);
}

}  // namespace
}  // namespace vtn

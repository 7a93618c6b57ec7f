// SPDX-License-Identifier: Apache-2.0
//
// The recorder with its own threads, beside one that writes: what ThreadSanitizer is to see.
#include "collector/recorder.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/support/no_threads.h"
#include "tests/support/recording.h"

namespace vtn::test {
namespace {

constexpr int kMostMs = 60'000;
constexpr uint64_t kCalls = 20'000;

class RecordedRun : public Recording {
 public:
  RecordedRun() {
    drain.reset();  // the recorder has its own
    session_.arena = arena;
    session_.folder = folder.path();
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    read_end_ = UniqueFd(ends[0]);
    write_end_ = UniqueFd(ends[1]);
    recorder_ = std::make_unique<collector::Recorder>(session_, *spool, session::RecordSettings());
  }

  // A process that is really there makes calls.
  void make_calls(uint64_t count = kCalls) {
    FakeProcess process(*this, static_cast<uint32_t>(getpid()), 1);
    const uint32_t f = process.python("f");
    FakeThread thread = process.thread(70);
    for (uint64_t i = 0; i < count; ++i) {
      thread.enter(1000 + 20 * i, f);
      thread.leave(1010 + 20 * i, f);
    }
    thread.finish();
  }
  bool all_drained() const {
    for (int waited = 0; chunks_in(ChunkState::kFull) != 0 && waited < kMostMs; ++waited) {
      (void)usleep(1000);
    }
    return chunks_in(ChunkState::kFull) == 0;
  }
  void tell_end() {
    const collector::ProgramEnd end = {getpid(), 5 << 8, 1, 2};
    (void)!write(write_end_.get(), &end, sizeof(end));
    close_end();
  }
  void close_end() { write_end_.reset(); }
  collector::Recorder::Outcome record() {
    collector::ProgramEnd end = {};
    return recorder_->run(read_end_.get(), end);
  }
  bool some_live_on() const { return recorder_->some_live_on(); }

  void check_spool() {
    const auto reader = reopen();
    CHECK(reader->closed());
    const spool::Totals totals = spool::totals_of(reader->model());
    CHECK(totals.calls == kCalls);
    CHECK(totals.lost_events == 0);
    CHECK(reader->model().run_end.wait_status == 5 << 8);
  }

 private:
  session::Session session_;
  UniqueFd read_end_;
  UniqueFd write_end_;
  std::unique_ptr<collector::Recorder> recorder_;
};

}  // namespace

TEST_CASE("recorder: drains what is written meanwhile, until it is told the end", "[collector]") {
  RecordedRun run;
  auto outcome = collector::Recorder::Outcome::kSupervisorDied;
  auto recording = Thread::start([&] { outcome = run.record(); });
  REQUIRE(recording.has_value());
  run.make_calls();
  CHECK(run.all_drained());
  run.tell_end();
  recording->join();
  CHECK(outcome == collector::Recorder::Outcome::kProgramEnded);
  CHECK(run.some_live_on());
  run.check_spool();
}

TEST_CASE("recorder: a file that has the chunks of who waits for it has a rate of its clock",
          "[collector]") {
  RecordedRun run;
  auto recording = Thread::start([&] { (void)run.record(); });
  REQUIRE(recording.has_value());
  run.make_calls(1);
  CHECK(run.all_drained());
  CHECK(run.reopen()->model().clock.size() >= 2);
  run.tell_end();
  recording->join();
}

TEST_CASE("recorder: where it can start no thread it drains by itself", "[collector]") {
  RecordedRun run;
  const auto record = [&] {
    return run.record() == collector::Recorder::Outcome::kProgramEnded ? 0 : 1;
  };
  const auto write = [&] {
    run.make_calls();
    CHECK(run.all_drained());
    run.tell_end();
  };
  CHECK(without_threads(record, write) == 0);
  run.check_spool();
}

TEST_CASE("recorder: a supervisor that died has told no end", "[collector]") {
  RecordedRun run;
  run.close_end();
  CHECK(run.record() == collector::Recorder::Outcome::kSupervisorDied);
  CHECK_FALSE(run.some_live_on());
  const auto reader = run.reopen();
  CHECK(reader->closed());
  CHECK((reader->model().run_end.flags & spool::kRunHasStatus) == 0);
}

}  // namespace vtn::test

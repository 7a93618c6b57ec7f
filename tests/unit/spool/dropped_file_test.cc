// SPDX-License-Identifier: Apache-2.0
//
// Files of which frames were dropped (--tracer_entries): read, damaged, written on.
#include <random>

#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>

#include "collector/call_assembly.h"
#include "tests/support/recording.h"

namespace vtn::test {
namespace {

constexpr uint64_t kArena = uint64_t{16} << 20;

session::CallLimits newest(uint64_t calls) {
  session::CallLimits limits;
  limits.newest_calls = calls;
  return limits;
}

// Of one thread, all in the spool.
void record(Recording& run, uint64_t calls) {
  std::minstd_rand random(5);
  FakeProcess process(run, 100, 1000);
  const uint32_t f = process.python("f");
  FakeThread thread = process.thread(100);
  uint64_t ticks = 5000;
  for (uint64_t i = 0; i < calls; ++i) {
    thread.enter(ticks += 1 + random() % 10'000, f);
    thread.leave(ticks += 1 + random() % 10'000, f);
  }
  thread.finish();
  run.drain->pass();
}

// A spool as a collector that was killed left it.
std::string left_behind(uint64_t calls, uint64_t newest_calls) {
  Recording run(kArena, ClockKind::kMonotonic, newest(newest_calls));
  record(run, calls);
  REQUIRE(run.spool->model().dropped.contains(0));
  return read_file(run.folder.file("spool"), uint64_t{1} << 30).value();
}

// A recorder goes on with the bytes.
Result<std::unique_ptr<spool::Writer>> resumed(const std::string& bytes, const std::string& path) {
  REQUIRE(write_all(create_file(path).get(), bytes).has_value());
  auto reader = spool::Reader::open(std::move(*open_file(path, O_RDWR)), path);
  REQUIRE(reader.has_value());
  const uint64_t end = (*reader)->end_offset();
  auto fd = (*reader)->take_fd();
  return spool::Writer::resume(std::move(fd), (*reader)->take_model(), end);
}

// One more call of a process's first thread, which has none open.
Status append_call(spool::Writer& writer, uint64_t ticks) {
  collector::CallAssembler assembler(1);
  collector::FunctionTraits traits;
  collector::FunctionCodes codes;
  spool::FrameColumns columns;
  const uint64_t words[] = {event_word(0, EventKind::kEnter, 16),
                            event_word(5, EventKind::kLeave, 16)};
  (void)assembler.assemble({words, ticks, ticks + 100}, traits, codes, columns);
  columns.head.tid = 100;
  columns.head.sequence = 1'000'000;
  spool::FrameEncoder encoder;
  return writer.append_events(columns, encoder.encode(columns, true));
}

struct Place {
  size_t offset;
  spool::FrameHead head;
};

std::vector<Place> places(const std::string& bytes) {
  std::vector<Place> all;
  spool::FrameHead head;
  for (size_t at = sizeof(spool::FileHeader); at + sizeof(head) <= bytes.size();
       at += sizeof(head) + head.body_bytes) {
    memcpy(&head, bytes.data() + at, sizeof(head));
    all.push_back({at, head});
  }
  return all;
}

bool is(const Place& place, spool::FrameKind kind) {
  return place.head.kind == static_cast<uint32_t>(kind);
}

}  // namespace

TEST_CASE("dropped: nothing behind what tells of it was dropped", "[spool]") {
  std::string bytes = left_behind(200'000, 1000);
  const TemporaryFolder folder;
  for (const Place& place : places(bytes)) {
    if (is(place, spool::FrameKind::kDropped)) {
      const uint64_t offset = place.offset + 1'000'000;
      memcpy(bytes.data() + place.offset + sizeof(spool::FrameHead) +
                 offsetof(spool::DroppedFrame, until_offset),
             &offset,
             sizeof(offset));
    }
  }
  auto writer = resumed(bytes, folder.file("spool"));
  REQUIRE(writer.has_value());
  (*writer)->keep_newest(10);
  (void)append_call(**writer, uint64_t{1} << 50);
  CHECK((*writer)->close().has_value());
}

TEST_CASE("dropped: whoever goes on in front of damage knows what was told of behind it",
          "[spool]") {
  std::string bytes = left_behind(400'000, 1000);
  const TemporaryFolder folder;
  const std::vector<Place> all = places(bytes);
  size_t told = all.size();
  while (!is(all[--told], spool::FrameKind::kDropped)) {
  }
  spool::DroppedFrame dropped;
  memcpy(&dropped, bytes.data() + all[told].offset + sizeof(spool::FrameHead), sizeof(dropped));
  // The head of an early frame says what no reader knows.
  size_t damaged = 0;
  while (!is(all[damaged], spool::FrameKind::kFree)) {
    ++damaged;
  }
  REQUIRE(all[damaged].offset < dropped.until_offset);
  const uint32_t unknown = 77;
  memcpy(bytes.data() + all[damaged].offset + offsetof(spool::FrameHead, kind),
         &unknown,
         sizeof(unknown));
  const std::string path = folder.file("spool");
  auto writer = resumed(bytes, path);
  REQUIRE(writer.has_value());
  (*writer)->keep_newest(10);
  CHECK(append_call(**writer, uint64_t{1} << 50).has_value());
  CHECK(append_call(**writer, uint64_t{1} << 51).has_value());
  REQUIRE((*writer)->close().has_value());
  auto reader = spool::Reader::open(std::move(*open_file(path, O_RDONLY)), path);
  REQUIRE(reader.has_value());
  CHECK((*reader)->closed());
  CHECK((*reader)->model().dropped.at(0).calls == dropped.calls);
  CHECK(spool::totals_of((*reader)->model()).calls == 2);
}

TEST_CASE("dropped: a recorder that goes on knows of the holes", "[spool]") {
  Recording run(kArena, ClockKind::kMonotonic, newest(1000));
  record(run, 400'000);
  const auto left = run.reopen();
  const uint64_t end = left->end_offset();
  auto model = left->take_model();
  auto fd = open_file(run.folder.file("spool"), O_RDWR);
  REQUIRE(fd.has_value());
  auto writer = spool::Writer::resume(std::move(*fd), std::move(model), end);
  REQUIRE(writer.has_value());
  CHECK((*writer)->bytes_taken() < run.spool->bytes_taken() + 3 * 4096);
  CHECK((*writer)->bytes_taken() < (*writer)->bytes() / 2);
}

TEST_CASE("dropped: how deep a thread was is of what it left open", "[spool]") {
  std::string bytes = left_behind(200'000, 1000);
  spool::ThreadInfo thread;
  thread.deepest = spool::kMaxFrameOps;
  thread.thread = 7;
  spool::DroppedInfo info;
  info.threads[{0, 7}] = thread;
  const std::string body = info.serialize(0);
  const spool::FrameHead head = {
      spool::kFrameMagic, static_cast<uint32_t>(spool::FrameKind::kDropped), body.size()};
  const TemporaryFolder folder;
  const std::string path = folder.file("spool");
  bytes = bytes.substr(0, places(bytes)[2].offset);  // no events
  bytes += std::string(reinterpret_cast<const char*>(&head), sizeof(head)) + body;
  REQUIRE(write_all(create_file(path).get(), bytes).has_value());
  auto reader = spool::Reader::open(std::move(*open_file(path, O_RDONLY)), path);
  REQUIRE(reader.has_value());
  REQUIRE((*reader)->model().threads.size() == 1);
  CHECK((*reader)->model().threads[0].deepest == 0);
}

TEST_CASE("dropped: where it cannot be told, nothing is dropped", "[spool]") {
  Recording run(kArena, ClockKind::kMonotonic, newest(10));
  record(run, 2000);
  const uint64_t calls = spool::totals_of(run.spool->model()).calls;
  REQUIRE(run.spool->model().dropped.empty());
  struct rlimit before = {};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  (void)signal(SIGXFSZ, SIG_IGN);
  const spool::ImageEndFrame end = {};
  const struct rlimit little = {run.spool->bytes() + sizeof(spool::FrameHead) + sizeof(end) + 10,
                                before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &little) == 0);
  CHECK(run.spool->append_struct(spool::FrameKind::kImageEnd, end).has_value());
  (void)run.spool->close();
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  (void)signal(SIGXFSZ, SIG_DFL);
  CHECK(run.spool->failed());
  CHECK(run.spool->model().dropped.empty());
  CHECK(spool::totals_of(run.spool->model()).calls == calls);
  CHECK(spool::totals_of(run.reopen()->model()).calls == calls);
}

}  // namespace vtn::test

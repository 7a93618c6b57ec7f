// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "collector/recorder.h"
#include "report/json/writer.h"
#include "report/perfetto/writer.h"
#include "tests/support/recording.h"

namespace vtn::test {
namespace {

std::string bytes_of(const std::string& path) { return read_file(path, uint64_t{1} << 30).value(); }

// A run of some threads and frames, with calls left open.
void fill(Recording& run) {
  FakeProcess process(run, 7, 1);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py", ""});
  process.text(NameRecord::kNotice, static_cast<uint32_t>(NoticeKind::kAuditHookStays), "notice");
  const uint32_t f = process.python("f");
  const uint32_t g = process.c("g");
  for (uint32_t t = 0; t < 3; ++t) {
    FakeThread thread = process.thread(70 + t);
    uint64_t ticks = 1000 * t;
    for (uint32_t i = 0; i < 3000; ++i) {
      thread.enter(ticks += 10 + t, f);
      thread.enter(ticks += 100'000, g);
      thread.leave(ticks += 10, g);
      if (i % 100 != 0) {
        thread.leave(ticks += 10, f);
      }
    }
    thread.leave(ticks + 5, 999);  // a stray end
    run.drain->pass();
  }
  const spool::ClockTriple triple = {1, 2, 3};
  REQUIRE(run.spool->append_struct(spool::FrameKind::kClock, triple).has_value());
}

// All that a report depends on, as text.
std::string digest(const spool::Model& model) {
  std::string text = model.serialize_threads();
  for (const spool::ImageInfo& image : model.images) {
    text += std::to_string(image.pid) + image.cwd + std::to_string(image.argv.size()) +
            std::to_string(image.functions.size()) + std::to_string(image.notices.size());
  }
  return text + std::to_string(model.clock.size());
}

Result<std::unique_ptr<spool::Reader>> open_spool(const std::string& path) {
  auto fd = open_file(path, O_RDONLY);
  REQUIRE(fd.has_value());
  return spool::Reader::open(std::move(*fd), path);
}

void put(const std::string& path, std::string_view bytes) {
  const UniqueFd fd = create_file(path);
  REQUIRE(write_all(fd.get(), bytes).has_value());
}

}  // namespace

TEST_CASE("spool: what is read is what was written, with and without the index", "[spool]") {
  Recording run;
  fill(run);
  run.drain->take_rest();
  const std::string before = digest(run.spool->model());
  REQUIRE(run.spool->close().has_value());
  auto whole = run.reopen();
  CHECK(whole->closed());
  const bool same = digest(whole->model()) == before;  // TAP prints no bytes
  CHECK(same);
  CHECK(whole->model().threads.at(1).open.size() == 30);
  CHECK(whole->model().threads.at(1).stray_ends == 1);

  const std::string bytes = bytes_of(run.folder.file("spool"));
  put(run.folder.file("cut"), std::string_view(bytes).substr(0, bytes.size() - 1));
  auto cut = open_spool(run.folder.file("cut"));
  REQUIRE(cut.has_value());
  CHECK_FALSE((*cut)->closed());
  CHECK((*cut)->model().truncated);
  const bool same_without_index = digest((*cut)->model()) == before;
  CHECK(same_without_index);
}

TEST_CASE("spool: cut anywhere it is readable up to there, and reports can be made", "[spool]") {
  Recording run;
  fill(run);
  auto spool = run.read();
  const std::string bytes = bytes_of(run.folder.file("spool"));
  uint64_t last_calls = 0;
  for (size_t length = 0; length < bytes.size(); length += 997) {
    put(run.folder.file("cut"), std::string_view(bytes).substr(0, length));
    auto cut = open_spool(run.folder.file("cut"));
    if (length < sizeof(spool::FileHeader)) {
      REQUIRE_FALSE(cut.has_value());
      continue;
    }
    REQUIRE(cut.has_value());
    const uint64_t calls = spool::totals_of((*cut)->model()).calls;
    REQUIRE(calls >= last_calls);
    last_calls = calls;
    report::WriteRequest options;
    options.path = run.folder.file("cut.json");
    options.settings.workers = 1;
    REQUIRE(report::write_json(**cut, options).has_value());
    options.path = run.folder.file("cut.pftrace");
    REQUIRE(report::write_perfetto(**cut, options).has_value());
  }
  CHECK(last_calls > 0);
}

TEST_CASE("spool: other files and other versions are refused with the place", "[spool]") {
  TemporaryFolder folder;
  put(folder.file("a"), "{\"traceEvents\":[]}, and so on for more than eight bytes");
  auto other = open_spool(folder.file("a"));
  REQUIRE_FALSE(other.has_value());
  CHECK(other.error().message.find("offset 0") != std::string::npos);

  Recording run;
  fill(run);
  run.drain->take_rest();
  REQUIRE(run.spool->close().has_value());
  std::string bytes = bytes_of(run.folder.file("spool"));
  bytes[8] = 99;
  put(folder.file("b"), bytes);
  auto newer = open_spool(folder.file("b"));
  REQUIRE_FALSE(newer.has_value());
  CHECK(newer.error().message.find("version 99") != std::string::npos);

  put(folder.file("c"), std::string_view(bytes).substr(0, 20));
  CHECK_FALSE(open_spool(folder.file("c")).has_value());
  put(folder.file("d"), "");
  CHECK_FALSE(open_spool(folder.file("d")).has_value());
}

namespace {

// The file with a frame of this kind put in behind its header, closed in order or not.
std::string with_frame(const std::string& bytes, uint32_t kind, bool closed) {
  const std::string body = "what a newer recorder has to say";
  const spool::FrameHead head = {spool::kFrameMagic, kind, body.size()};
  std::string frame(reinterpret_cast<const char*>(&head), sizeof(head));
  frame += body;
  std::string all = bytes.substr(0, sizeof(spool::FileHeader)) + frame;
  all += bytes.substr(sizeof(spool::FileHeader));
  if (!closed) {
    return all.substr(0, all.size() - sizeof(spool::FileTrailer));
  }
  spool::FileTrailer trailer;
  memcpy(&trailer, all.data() + all.size() - sizeof(trailer), sizeof(trailer));
  trailer.index_offset += frame.size();
  memcpy(all.data() + all.size() - sizeof(trailer), &trailer, sizeof(trailer));
  return all;
}

}  // namespace

TEST_CASE("spool: an unknown frame is skipped if it may be, else the file ends there", "[spool]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t f = process.python("f");
  FakeThread thread = process.thread(7);
  thread.enter(100, f);
  thread.leave(200, f);
  run.drain->take_rest();
  REQUIRE(run.spool->close().has_value());
  const std::string bytes = bytes_of(run.folder.file("spool"));
  constexpr uint32_t kUnknown = 77;
  for (const uint32_t kind : {kUnknown, static_cast<uint32_t>(spool::FrameKind::kEvents)}) {
    for (const bool closed : {false, true}) {
      put(run.folder.file("new"), with_frame(bytes, kind | spool::kFrameSkippable, closed));
      auto skipped = open_spool(run.folder.file("new"));
      REQUIRE(skipped.has_value());
      CHECK(spool::totals_of((*skipped)->model()).calls == 1);
      CHECK((*skipped)->model().images.at(0).functions.size() == 1);
      // The offsets of the index are those of the file without the frame; without it they are found
      // by reading.
      CHECK((*skipped)->closed() == closed);
    }
  }
  for (const bool closed : {false, true}) {
    put(run.folder.file("new"), with_frame(bytes, kUnknown, closed));
    auto refused = open_spool(run.folder.file("new"));
    REQUIRE(refused.has_value());
    CHECK_FALSE((*refused)->closed());
    CHECK((*refused)->model().truncated);
    CHECK((*refused)->end_offset() == sizeof(spool::FileHeader));
    CHECK(spool::totals_of((*refused)->model()).calls == 0);
  }
}

TEST_CASE("spool: a frame's section of notes is checked", "[spool]") {
  spool::FrameEncoder encoder;
  spool::FrameDecoder decoder;
  spool::DecodedFrame decoded;
  spool::FrameColumns columns;
  const auto encode = [&](std::vector<spool::Note> notes, uint32_t ops, bool compress) {
    columns.reset(16);
    columns.head.start_ticks = 1000;
    columns.head.end_ticks = 1000 + ops;
    columns.head.ops = ops;
    for (uint32_t i = 0; i < ops; ++i) {
      columns.codes[i] = spool::kOpReturn;
      columns.steps[i] = 1;
    }
    columns.head.deepest = columns.head.open_before = ops;
    columns.closed.assign(ops, spool::OpenCall{0, 16, 1, 0});
    columns.notes = std::move(notes);
    return std::string(encoder.encode(columns, compress).substr(sizeof(spool::FrameHead)));
  };
  const std::string text(5000, 'n');
  const std::vector<spool::Note> notes = {
      {0, 1, 7, "first"},
      {2, 999, UINT64_MAX, {}, 1001},
      {2, 1, 0, text},
      {2, kFirstMark, 3, "a mark from before", 5},
      {3, kFirstMark + 1, 3, "and one from much later", uint64_t{1} << 62},
      {4, 2, 1, "behind"}};
  for (const bool compress : {false, true}) {
    const std::string body = encode(notes, 4, compress);
    CHECK((body.size() < text.size()) == compress);
    REQUIRE(decoder.decode(body, decoded).has_value());
    REQUIRE(decoded.notes.size() == notes.size());
    for (size_t i = 0; i < notes.size(); ++i) {
      CHECK(decoded.notes[i].op == notes[i].op);
      CHECK(decoded.notes[i].kind == notes[i].kind);
      CHECK(decoded.notes[i].key == notes[i].key);
      CHECK(decoded.notes[i].bytes == notes[i].bytes);
      CHECK(decoded.notes[i].ticks == notes[i].ticks);
    }
    for (size_t cut = 1; cut < 60; ++cut) {
      CHECK_FALSE(decoder.decode(body.substr(0, body.size() - cut), decoded).has_value());
    }
  }
  // A frame without notes has no such section, and what was decoded before is not there any more.
  const std::string plain = encode({}, 4, false);
  REQUIRE(decoder.decode(plain, decoded).has_value());
  CHECK(decoded.notes.empty());
  CHECK_FALSE(decoded.has_notes());
  CHECK(columns.head.notes_stored == 0);
  CHECK(plain.size() == sizeof(spool::EventsFrame) + columns.head.side_bytes + 3 * 4);
  // Notes beyond the ops, and sizes that are not there.
  CHECK_FALSE(decoder.decode(encode({{5, 1, 0, {}}}, 4, false), decoded).has_value());
  std::string body = encode({{0, 1, 0, "x"}}, 4, false);
  const size_t section = body.size() - columns.head.notes_stored;
  CHECK(body[section - 1] == static_cast<char>(columns.head.notes_stored));
  body[section + 3] = 100;  // the length of the bytes
  CHECK_FALSE(decoder.decode(body, decoded).has_value());
  body = encode({{0, 1, 0, "x"}}, 4, false);
  body[section - 1] = '\xff';  // a size without an end
  CHECK_FALSE(decoder.decode(body, decoded).has_value());
}

TEST_CASE("spool: a full disk takes back the frame that did not fit", "[spool]") {
  Recording run;
  fill(run);
  struct rlimit before = {};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  auto* old = signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small = {run.spool->bytes() + 100, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  run.drain->take_rest();
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  (void)signal(SIGXFSZ, old);
  CHECK(run.spool->failure() == EFBIG);  // what kept it from writing, not always a full disk
  CHECK(run.drain->chunks_discarded() > 0);
  CHECK(load_relaxed(&run.arena.control->state) == static_cast<uint32_t>(SessionState::kSpoolFull));
  CHECK(load_relaxed(&run.arena.control->spool_error) == EFBIG);
  // The report that follows knows how much is missing.
  CHECK(run.spool->model().images.at(0).end.lost_events > 0);
  auto spool = run.reopen();
  CHECK(spool->model().truncated);
  CHECK(spool->end_offset() == read_file(run.folder.file("spool"))->size());  // whole frames only
  CHECK(spool::totals_of(spool->model()).calls > 0);
}

TEST_CASE("spool: a frame that fits nowhere is lost alone", "[spool]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t f = process.python("f");
  FakeThread first = process.thread(70);
  FakeThread second = process.thread(71);
  for (FakeThread* thread : {&first, &second}) {
    thread->enter(5000, f);
    thread->leave(6000, f);
    thread->finish();
  }
  (void)run.drain->pass();
  run.spool->model().threads.at(0).last_ticks = UINT64_MAX;
  for (FakeThread* thread : {&first, &second}) {
    thread->enter(8000, f);
    thread->leave(9000, f);
    thread->finish();
  }
  run.drain->take_rest();
  CHECK(run.drain->chunks_discarded() == 1);
  CHECK_FALSE(run.spool->failed());
  CHECK(load_relaxed(&run.arena.control->state) == static_cast<uint32_t>(SessionState::kRecording));
  REQUIRE(
      collector::close_spool(*run.spool, nullptr, run.drain->chunks_discarded(), *run.arena.control)
          .has_value());
  auto spool = run.reopen();
  CHECK(spool->model().run_end.lost_chunks == 1);
  CHECK(spool::spool_error_text(spool->model().run_end).empty());  // and the rest is all there
  CHECK(spool::totals_of(spool->model()).calls == 3);
  CHECK(spool::totals_of(spool->model()).lost_events == 2);
}

TEST_CASE("spool: the end of a run says why nothing more was written", "[spool]") {
  Recording run;
  spool::RunEndFrame end = {};
  end.flags = spool::kRunSpoolFailed | spool::kRunHasStatus;
  end.wait_status = 5;
  end.spool_error = EIO;
  REQUIRE(run.spool->append_struct(spool::FrameKind::kRunEnd, end).has_value());
  auto spool = run.read();
  CHECK(spool::spool_error_text(spool->model().run_end) == "Input/output error");
  end.spool_error = 0;
  CHECK(spool::spool_error_text(end) == "Unknown reason");
  end.flags = 0;
  CHECK(spool::spool_error_text(end).empty());
  // A file from before the field.
  spool::Model older;
  const std::string_view body(reinterpret_cast<const char*>(&end), sizeof(end));
  CHECK(older.add_frame(spool::FrameKind::kRunEnd, body.substr(0, 40)));
  CHECK(older.has_run_end);
  CHECK(older.run_end.wait_status == 5);
  CHECK_FALSE(spool::Model().add_frame(spool::FrameKind::kRunEnd, body.substr(0, 39)));
}

TEST_CASE("spool: losses are summed process by process", "[spool]") {
  spool::Model model;
  model.process_ends.resize(3);
  const uint64_t told[] = {100, 0, 7};     // by gaps
  const uint64_t counted[] = {0, 50, 10};  // by the process; the first one's end is missing
  for (uint32_t i = 0; i < 3; ++i) {
    spool::ImageInfo& image = model.images.emplace_back();
    image.image = image.process = i;
    image.end.lost_events = counted[i];
    spool::ThreadInfo& thread = model.threads.emplace_back();
    thread.image = i;
    thread.lost_events = told[i];
  }
  CHECK(spool::totals_of(model).lost_events == 100 + 50 + 10);
}

TEST_CASE("spool: a frame that does not follow is not in the file", "[spool]") {
  Recording run;
  fill(run);
  run.drain->take_rest();
  const uint64_t before = run.spool->bytes();
  spool::FrameEncoder encoder;
  spool::FrameColumns columns;
  columns.head.open_before = columns.head.open_after = columns.head.lowest_open = 99;
  CHECK_FALSE(run.spool->append_events(columns, encoder.encode(columns, false)).has_value());
  CHECK(run.spool->bytes() == before);
  CHECK_FALSE(run.spool->failed());
  REQUIRE(run.spool->close().has_value());
  CHECK(run.reopen()->closed());
}

TEST_CASE("spool: recording goes on behind what a dead collector left", "[spool]") {
  Recording run;
  FakeProcess process(run, 7, 1);
  const uint32_t f = process.python("f");
  const uint32_t g = process.c("g");
  const uint32_t generator = process.generator("generator");
  FakeThread thread = process.thread(7);
  thread.enter(100, f);
  thread.enter(110, generator + 1);  // resumed: it ends by the id of its function
  thread.finish();
  run.drain->pass();
  thread.enter(200, g);  // written while nobody drained
  thread.leave(300, g);
  thread.leave(310, generator);
  thread.leave(400, f);
  const uint32_t h = process.python("h");
  thread.enter(500, h);
  // The spool has lost its end, as after a kill in mid-write.
  const std::string bytes = bytes_of(run.folder.file("spool"));
  put(run.folder.file("spool"), bytes + "#vtF\x04");
  auto reader = run.reopen();
  CHECK(reader->model().truncated);
  auto fd = open_file(run.folder.file("spool"), O_RDWR);
  REQUIRE(fd.has_value());
  const uint64_t end = reader->end_offset();
  auto writer = spool::Writer::resume(std::move(*fd), reader->take_model(), end);
  REQUIRE(writer.has_value());
  collector::Drain drain(run.arena, run.clock, **writer, run.kernel, true);
  drain.resume();
  drain.take_rest();
  REQUIRE((*writer)->close().has_value());
  auto spool = run.reopen();
  REQUIRE(spool->closed());
  REQUIRE(spool->model().threads.size() == 1);
  CHECK(spool->model().threads[0].calls == 4);
  CHECK(spool->model().threads[0].open.size() == 1);
  CHECK(spool->model().threads[0].stray_ends == 0);
  CHECK(spool->model().images.at(0).functions.size() == 5);
  CHECK_FALSE(spool->model().images.at(0).damaged);
}

TEST_CASE("spool: clock triples of a run of days are few", "[spool]") {
  constexpr uint64_t kDayNs = uint64_t{24 * 3600} * 1'000'000'000;
  const auto triples_in = [](uint64_t ns) {
    size_t triples = 0;
    for (uint64_t at = 0; at < ns; at += spool::clock_interval_ns(at)) {
      ++triples;
    }
    return triples;
  };
  CHECK(triples_in(60'000'000'000) == 60);
  CHECK(triples_in(kDayNs) < 600);
  CHECK(triples_in(30 * kDayNs) < 800);
}

}  // namespace vtn::test

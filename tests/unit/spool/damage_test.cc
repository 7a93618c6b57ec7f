// SPDX-License-Identifier: Apache-2.0
#include "tests/support/damage.h"

#include <algorithm>
#include <set>

#include <ctype.h>
#include <sys/mman.h>

#include "collector/recorder.h"
#include "report/formats.h"
#include "tests/support/recording.h"

namespace vtn::test {
namespace {

// AddressSanitizer keeps what was freed.
#ifdef __SANITIZE_ADDRESS__
constexpr long kMostKib = 512 * 1024;
#else
constexpr long kMostKib = 64 * 1024;
#endif

// Two processes, threads, every kind of record, open calls, dropped ones, and an end: some KB.
std::string small_spool() {
  session::CallLimits limits;
  limits.newest_calls = 30;
  Recording run(tracer::kSmallestArenaBytes, ClockKind::kMonotonic, limits);
  const spool::RunFrame typed = {4, 3};
  REQUIRE(run.spool->append_struct(spool::FrameKind::kRun, typed, "x.py1.0").has_value());
  for (uint32_t p = 0; p < 2; ++p) {
    FakeProcess process(run, 7 + p, 1000 * p + 1);
    process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
    process.text(NameRecord::kNotice, static_cast<uint32_t>(NoticeKind::kAuditHookStays), "notice");
    process.text(NameRecord::kProcessName, 0, "worker");
    const uint32_t f = process.python("f");
    const SwitchedOffRecord off = {9000, f, 0};
    process.record(NameRecord::kSwitchedOff, &off, sizeof(off), "");
    const uint32_t g = process.c("builtins.len");
    FakeThread thread = process.thread(70 + p);
    uint64_t ticks = 5000;
    for (uint32_t i = 0; i < 60; ++i) {
      thread.enter(ticks += 1000, f);
      thread.note(ticks += 99'990, static_cast<uint32_t>(NoteKind::kCallerLine), 1 + i);
      thread.enter(ticks += 10, g);
      thread.leave(ticks += 1000, g);
      if (i % 10 != 0) {
        thread.leave(ticks += 1000, f);
      }
      if (i == 20) {
        thread.finish();
      }
    }
    thread.note(ticks += 10, static_cast<uint32_t>(NoteKind::kThreadName), 0, "name");
    thread.opcode(ticks += 10, Opcode::kGap, {7, static_cast<uint64_t>(GapReason::kStackGuard)});
    thread.leave(ticks + 5, 999);
    run.drain->pass();
  }
  const spool::ClockTriple triple = {1, 2, 3};
  REQUIRE(run.spool->append_struct(spool::FrameKind::kClock, triple).has_value());
  constexpr std::string_view kStarted("/bin/ls\0ls", 11);
  const spool::StartFrame start = {2, 0, 70, VTN_UNTRACED_STATIC, 2000, kStarted.size(), 99};
  REQUIRE(run.spool->append_struct(spool::FrameKind::kStart, start, kStarted).has_value());
  run.kill(0, 9);
  run.drain->take_rest();
  const collector::ProgramEnd end = {7, 9, 1, 2};
  REQUIRE(collector::close_spool(*run.spool, &end, 0, *run.arena.control).has_value());
  return read_file(run.folder.file("spool"), uint64_t{1} << 30).value();
}

size_t kinds_of_frames(const std::string& whole) {
  std::set<uint32_t> kinds;
  spool::FrameHead head;
  for (size_t at = sizeof(spool::FileHeader);
       at + sizeof(head) + sizeof(spool::FileTrailer) <= whole.size();
       at += sizeof(head) + head.body_bytes) {
    memcpy(&head, whole.data() + at, sizeof(head));
    kinds.insert(head.kind);
  }
  return kinds.size();
}

bool has_digit(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return isdigit(c) != 0; });
}

// Every kind of report of the bytes. Returns what is wrong with the answer, if anything.
std::string trouble_of(const std::string& bytes) {
  UniqueFd fd(memfd_create("damaged", MFD_CLOEXEC));
  REQUIRE(write_all(fd.get(), bytes).has_value());
  auto reader = spool::Reader::open(std::move(fd), "spool");
  if (!reader) {
    const std::string& message = reader.error().message;
    const bool no_spool = message.find("is not a file that was recorded") != std::string::npos;
    return no_spool || has_digit(message) ? "" : message;
  }
  report::WriteRequest request;
  request.path = "/dev/null";
  request.settings.workers = 1;
  for (const report::Format& format : report::formats()) {
    const Status status = format.write == nullptr ? Status() : format.write(**reader, request);
    if (!status && !has_digit(status.error().message)) {
      return status.error().message;
    }
  }
  return "";
}

}  // namespace

TEST_CASE("spool: a damaged file gives a report or says where", "[spool]") {
  const std::string whole = small_spool();
  CHECK(kinds_of_frames(whole) == 12);  // all but those that settings and limits make
  REQUIRE(trouble_of(whole).empty());
  const long before_kib = peak_kib();  // of the tests before this one
  int tried = 0;
  std::string first_trouble;
  const auto check = [&](const std::string& bytes, const std::string& what) {
    ++tried;
    const std::string trouble = trouble_of(bytes);
    if (!trouble.empty() && first_trouble.empty()) {
      first_trouble = what + ": " + trouble;
    }
  };
  for_each_flip(whole, 1, check);
  for_each_number(whole, check);
  for_each_length(whole, check);
  CHECK(first_trouble == "");
  CHECK(tried >= 2000);
  CHECK(peak_kib() < before_kib + kMostKib);
}

}  // namespace vtn::test

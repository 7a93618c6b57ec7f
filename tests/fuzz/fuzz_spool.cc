// SPDX-License-Identifier: Apache-2.0
//
// A `.vtn` file from anywhere: opened, stepped through, and made into every kind of report; one
// that was cut is written on. Errors are fine.
#include <fcntl.h>
#include <simdjson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "collector/call_assembly.h"
#include "debugger/debugger.h"
#include "report/formats.h"
#include "spool/codec.h"
#include "spool/reader.h"
#include "spool/writer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/temporary_folder.h"

namespace {

using namespace vtn;

UniqueFd memory_file() {
  UniqueFd fd(memfd_create("fuzz", MFD_CLOEXEC));
  if (!fd) {
    abort();
  }
  return fd;
}

// What is written as JSON is JSON.
void check_json(const std::string& path) {
  static simdjson::dom::parser parser;
  if (const auto error = parser.load(path).error(); error != simdjson::SUCCESS) {
    fprintf(stderr, "%s: %s\n", path.c_str(), simdjson::error_message(error));
    abort();
  }
}

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// Goes on as a recovery does, which keeps the newest calls.
void write_on(spool::Reader& spool) {
  if (spool.closed()) {
    return;
  }
  const uint64_t end = spool.end_offset();
  auto writer = spool::Writer::resume(spool.take_fd(), spool.take_model(), end);
  if (!writer) {
    return;
  }
  (*writer)->keep_newest(1, 0);
  collector::CallAssembler assembler(8);
  collector::FunctionTraits traits;
  static collector::FunctionCodes codes;
  spool::FrameColumns columns;
  spool::FrameEncoder encoder;
  for (uint64_t ticks = uint64_t{1} << 61; const uint32_t sequence : {100, 101, 102}) {
    const uint64_t words[] = {event_word(0, EventKind::kEnter, 16),
                              event_word(100, EventKind::kLeave, 16)};
    (void)assembler.assemble({words, ticks += 1000, UINT64_MAX}, traits, codes, columns);
    columns.head.tid = 7;
    columns.head.sequence = sequence;
    (void)(*writer)->append_events(columns, encoder.encode(columns, true));
  }
  (void)(*writer)->append(spool::FrameKind::kImageEnd, bytes_of(spool::ImageEndFrame{}));
  (void)(*writer)->close();
}

void step_through(const spool::Reader& spool) {
  UniqueFd fd(fcntl(spool.fd(), F_DUPFD_CLOEXEC, 3));
  auto again = spool::Reader::open(std::move(fd), "fuzz");
  if (!again) {
    abort();
  }
  auto recording = debugger::Recording::of(std::move(*again));
  if (!recording) {
    return;
  }
  debugger::Debugger debugger(**recording);
  for (const char* line :
       {"threads", "s 3", "where",     "args",    "n",       "call",      "tree 2 20",
        "r",       "nb",  "jump end",  "rb",      "w",       "sb 4",      "until",
        "break *", "c",   "rc",        "find 1",  "fb",      "longest *", "thread 2",
        "where",   "t 5", "jump #1.2", "marks 5", "counter", "object",    "processes"}) {
    (void)debugger.answer(line);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  UniqueFd fd = memory_file();
  if (!write_all(fd.get(), {reinterpret_cast<const char*>(data), size})) {
    abort();
  }
  auto spool = spool::Reader::open(std::move(fd), "fuzz");
  if (!spool) {
    return 0;
  }
  static const TemporaryFolder folder;
  for (const report::Format& format : report::formats()) {
    report::WriteRequest request;
    request.path = folder.file(std::string("report") + format.extension);
    request.settings.workers = 1;
    if (format.write != nullptr && format.write(**spool, request)) {
      if (request.path.ends_with(".json")) {
        check_json(request.path);
      }
      (void)unlink(request.path.c_str());  // to take another's place would wait for the disk
    }
  }
  step_through(**spool);
  write_on(**spool);
  return 0;
}

namespace {

// A spool, cut and closed, of which all but the newest calls were dropped where that is wanted.
void add_seeds(uint64_t newest_calls, std::vector<std::string>& seeds) {
  UniqueFd fd = memory_file();
  const int raw = dup(fd.get());
  const spool::FileHeader header = spool::file_header(ClockKind::kTsc);
  auto started = spool::Writer::start(std::move(fd), header);
  if (!started) {
    abort();
  }
  spool::Writer& spool = **started;
  if (newest_calls != 0) {
    spool.keep_newest(newest_calls, 0);
  }
  const spool::RunFrame run = {4, 3};
  (void)spool.append(spool::FrameKind::kRun, bytes_of(run), "true1.0");
  (void)spool.append(spool::FrameKind::kClock,
                     bytes_of(spool::ClockTriple{1000, 1'000'000, 2'000'000}));
  (void)spool.append(spool::FrameKind::kClock,
                     bytes_of(spool::ClockTriple{3600, 1'001'000, 2'001'000}));
  spool::ImageFrame image = {};
  image.pid = image.own_pid = 7;
  image.kind = static_cast<uint32_t>(SlotKind::kImage);
  image.flags = kSlotPython;
  image.parent_process = spool::kNoProcess;
  image.slot_start_ticks = image.start_ticks = 1000;
  image.text_bytes = 12;
  (void)spool.append(spool::FrameKind::kImage, bytes_of(image), {"/bin/py\0py\0x", 12});
  image.image = image.process = 1;
  image.pid = 8;
  image.kind = static_cast<uint32_t>(SlotKind::kForked);
  image.flags = image.text_bytes = 0;
  image.parent_process = 0;
  (void)spool.append(spool::FrameKind::kImage, bytes_of(image));
  spool::StartFrame start = {2, 1, 8, static_cast<uint32_t>(UntracedReason::kStatic), 1200, 10, 9};
  (void)spool.append(spool::FrameKind::kStart, bytes_of(start), {"/bin/ls\0ls", 10});
  uint64_t record[7] = {name_record_head(NameRecord::kFunction, 5), 0, 0, 0, 0, 0, 0};
  record[1] = 16 | (uint64_t{1} << 32);  // id, kind
  record[2] = 3 | (uint64_t{1} << 32);   // line, bytes of the name
  record[3] = 4;                         // bytes of the file
  record[4] = 0x79'702e'7866;            // "fx.py"
  (void)spool.append(spool::FrameKind::kNames,
                     bytes_of(spool::NamesFrame{0, 0}),
                     {reinterpret_cast<const char*>(record), 40});
  collector::FunctionTraits traits;
  collector::FunctionCodes codes;
  collector::CallAssembler assembler(8);
  spool::FrameColumns columns;
  spool::FrameEncoder encoder;
  for (uint32_t sequence = 0; sequence < 3; ++sequence) {
    std::vector<uint64_t> words;
    const uint32_t depth = sequence == 1 ? 700 : 3;
    for (uint32_t i = 0; i < depth; ++i) {
      words.push_back(event_word(i * 1000, EventKind::kEnter, 16 + i % 5));
    }
    for (uint32_t i = depth; i > sequence; --i) {
      words.push_back(event_word((2 * depth - i) * 1000, EventKind::kLeave, 16 + (i - 1) % 5));
    }
    words.push_back(opcode_word(2'000'000, Opcode::kGap, 2));
    words.push_back(7);
    words.push_back(1);
    words.push_back(note_word(2'500'000, NoteKind::kCallerLine, 1));
    words.push_back(note_key(12, 0));
    words.push_back(event_word(3'000'000, EventKind::kEnter, 16));
    words.push_back(note_word(3'000'000, NoteKind::kThreadName, 2));
    words.push_back(note_key(sequence, 5));
    words.push_back(0x79'702e'7866);
    (void)assembler.assemble(
        {words, 10'000 + sequence * 10'000'000, UINT64_MAX}, traits, codes, columns);
    columns.head.tid = 7;
    columns.head.sequence = sequence;
    if (!spool.append_events(columns, encoder.encode(columns, sequence != 0))) {
      abort();
    }
  }
  spool::ImageEndFrame end = {};
  end.lost_events = 9;
  (void)spool.append(spool::FrameKind::kImageEnd, bytes_of(end));
  spool::ProcessEndFrame process_end = {};
  process_end.flags = spool::kProcessDied | spool::kProcessStatusKnown;
  process_end.end_ticks = 50'000'000;
  process_end.text_bytes = 5;
  (void)spool.append(spool::FrameKind::kProcessEnd, bytes_of(process_end), "title");
  (void)spool.append(spool::FrameKind::kRunEnd, bytes_of(spool::RunEndFrame{}));
  for (const bool closed : {false, true}) {
    if (closed) {
      (void)spool.close();
    }
    std::string bytes(spool.bytes(), '\0');
    if (pread_all(raw, bytes.data(), bytes.size(), 0).value_or(0) != bytes.size()) {
      abort();
    }
    seeds.push_back(std::move(bytes));
  }
  (void)close(raw);
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
  std::vector<std::string> seeds;
  add_seeds(0, seeds);
  add_seeds(4, seeds);
  return seeds;
}

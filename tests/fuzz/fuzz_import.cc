// SPDX-License-Identifier: Apache-2.0
//
// Files that are imported: trace JSON, pages, Perfetto traces. Whatever they hold, they become a
// recording that can be read, or one line.
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "importer/import.h"
#include "spool/codec.h"
#include "spool/replay.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/page_bytes.h"

using namespace vtn;

namespace {

void use(const std::string& bytes, bool partial) {
  UniqueFd fd(memfd_create("import", MFD_CLOEXEC));
  if (!write_all(fd.get(), bytes) || lseek(fd.get(), 0, SEEK_SET) != 0) {
    abort();
  }
  auto imported = importer::import_file(std::move(fd), {"fuzz", "/tmp", "0", partial, {}});
  if (!imported) {
    if (imported.error().message.empty() ||
        imported.error().message.find('\n') != std::string::npos) {
      abort();
    }
    return;
  }
  struct Sink {
    void begin(uint32_t, uint64_t) {}
    void end(uint64_t, uint32_t) {}
    void special(const spool::Special&, uint64_t) {}
  };
  spool::FrameDecoder decoder;
  spool::DecodedFrame frame;
  std::string buffer;
  const spool::ClockMap clock(ClockKind::kMonotonic, {});
  for (const spool::FrameInfo& info : imported->recording->model().frames) {
    auto body = imported->recording->read_body(info, buffer);
    Sink sink;
    if (!body || !decoder.decode(*body, frame) || !spool::replay_frame(frame, clock, sink)) {
      abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  use(bytes, false);
  use(bytes, true);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  const std::string json =
      R"json({"traceEvents": [{"ph":"M","pid":1,"tid":1,"name":"process_name","args":{"name":"p"}},
{"pid":1,"tid":1,"ts":2.5,"ph":"X","cat":"FEE","dur":1.25,"caller_lineno":7,
 "args":{"func_args":{"a":"1"},"return_value":"2"},"name":"f (x.py:3)"},
{"pid":1,"tid":1,"ts":2,"ph":"X","cat":"FEE","dur":4,"name":"g\u00e9\n"},
{"pid":1,"tid":2,"ts":1,"ph":"B","name":"b"},{"pid":1,"tid":2,"ts":3e0,"ph":"E"},
{"pid":1,"tid":2,"ts":4,"ph":"i","s":"t","args":{"value":"x"},"name":"m = x"},
{"pid":1,"tid":2,"ts":4,"ph":"C","args":{"a":1,"b":-2.5},"name":"c"},
{"pid":1,"tid":1,"ts":9,"ph":"X","dur":1,"name":"7 events lost: recording was paused"}],
"viztracer_metadata":{"version":"1","overflow":false,"baseTimeNanoseconds":5},
"viztracer_native":{"command":"x","exit":{"status":3},"timestamp_offset_ns":0,
"processes":[{"pid":1,"parent":null,"parent_pid":0,"name":"p","executable":"/p","argv":["p"],
"python":"3.12.1","traced":true,"ledger":"traced","start_ns":1,"end_ns":99,"alive_at_end":false,
"exit":{"signal":9},"images":[{"by":"exec","start_ns":1,"argv":["p"],"cwd":"/","python":"3.12.1",
"traced":true,"lost_events":0},{"by":"exec","start_ns":3000,"argv":["q"],"traced":true}]}],
"deep_tracks":[{"pid":1,"tid":2,"of_tid":1,"from_depth":512}],
"renamed_threads":[{"pid":1,"tid":1,"names":["a","b"]}]},
"file_info":{"files":{"x.py":["def f(a):\n",1]},"functions":{}}})json";
  return {
      json, test::small_page(), test::small_trace(), test::small_trace(true), test::packed(json)};
}

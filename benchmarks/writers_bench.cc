// SPDX-License-Identifier: Apache-2.0
//
// How fast a recorded run is drained and becomes a report, and how many bytes a call takes: a
// synthetic run of 300 functions in call trees of changing depth, with the jitter of a real clock.
// Prints one line per step; judges nothing.
#include <algorithm>
#include <string>
#include <vector>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "collector/call_assembly.h"
#include "report/json/writer.h"
#include "report/perfetto/writer.h"
#include "report/pieces.h"
#include "spool/codec.h"
#include "spool/reader.h"
#include "spool/writer.h"

namespace vtn {
namespace {

constexpr uint32_t kFunctions = 300;
constexpr double kTicksPerNs = 2.6;

double seconds() {
  struct timespec now = {};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double processor_seconds() {
  struct rusage usage = {};
  (void)getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const struct timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// What a thread would write: a walk over a fixed call graph, so that sequences repeat as they do in
// programs, with times that do not.
class Workload {
 public:
  uint64_t calls = 0;

  // One chunk; returns the words.
  size_t fill(std::vector<uint64_t>& words, uint64_t& base) {
    base = ticks_;
    size_t count = 0;
    while (count < collector::kMaxChunkWords) {
      const uint32_t id = stack_.empty() ? 0 : stack_.back().id;
      const bool deeper = stack_.empty() || (stack_.size() < 60 && stack_.back().calls_left != 0);
      advance(deeper);
      if (deeper) {
        if (!stack_.empty()) {
          --stack_.back().calls_left;
        }
        const uint32_t callee = callee_of(id, stack_.empty() ? top_++ : stack_.back().calls_left);
        words[count++] = event_word(ticks_ - base, EventKind::kEnter, kFirstNameId + callee);
        stack_.push_back(Call{callee, (callee * 7 + 3) % 5 == 0 ? 3u : callee % 3});
        ++calls;
      } else {
        words[count++] = event_word(ticks_ - base, EventKind::kLeave, kFirstNameId + id);
        stack_.pop_back();
      }
    }
    return count;
  }

 private:
  struct Call {
    uint32_t id;
    uint32_t calls_left;
  };
  static uint32_t callee_of(uint32_t id, uint32_t n) {
    return (id * 31 + n * 17 + 11) % kFunctions;
  }

  void advance(bool deeper) {
    seed_ = seed_ * 6364136223846793005u + 1442695040888963407u;
    const auto random = static_cast<uint32_t>(seed_ >> 33);
    // A usual time per function, a little noise on it, and now and then something long.
    const uint32_t id = stack_.empty() ? 0 : stack_.back().id;
    const double ns = 30.0 + (id * 13) % 90 + (deeper ? 10 : 0) + (random % 12) +
                      (random % 1000 < 3 ? 20'000 : 0);
    ticks_ += static_cast<uint64_t>(ns * kTicksPerNs);
  }

  uint64_t seed_ = 7;
  uint64_t ticks_ = 1'000'000'000'000;
  uint32_t top_ = 0;
  std::vector<Call> stack_;
};

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

void define_functions(spool::Writer& spool) {
  spool::ImageFrame image = {};
  image.pid = image.own_pid = 1234;
  image.parent_process = spool::kNoProcess;
  image.start_ticks = 1'000'000'000'000;
  (void)spool.append(spool::FrameKind::kImage, bytes_of(image));
  std::vector<uint64_t> words;
  for (uint32_t i = 0; i < kFunctions; ++i) {
    const bool python = i % 3 != 0;
    const std::string name =
        python ? "Package.Class" + std::to_string(i % 40) + ".method_" + std::to_string(i)
               : "module.function_" + std::to_string(i);
    const std::string file =
        python ? "/usr/lib/python3/dist-packages/package/module_" + std::to_string(i % 25) + ".py"
               : "";
    const FunctionRecord record = {kFirstNameId + i,
                                   python ? FunctionKind::kPython : FunctionKind::kC,
                                   i,
                                   static_cast<uint32_t>(name.size()),
                                   static_cast<uint32_t>(file.size()),
                                   0};
    const std::string text = name + file;
    const size_t length = 1 + (sizeof(record) + text.size() + 7) / 8;
    const size_t at = words.size();
    words.resize(at + length);
    words[at] = name_record_head(NameRecord::kFunction, static_cast<uint32_t>(length));
    memcpy(&words[at + 1], &record, sizeof(record));
    memcpy(reinterpret_cast<char*>(&words[at + 1]) + sizeof(record), text.data(), text.size());
  }
  const spool::NamesFrame names = {0, 0};
  (void)spool.append(spool::FrameKind::kNames,
                     bytes_of(names),
                     {reinterpret_cast<const char*>(words.data()), words.size() * 8});
}

void print(const char* what, double spent, uint64_t calls, double bytes) {
  printf("%-28s %8.1f M calls/s %8.2f ns a call %8.2f bytes a call\n",
         what,
         static_cast<double>(calls) / spent * 1e-6,
         spent / static_cast<double>(calls) * 1e9,
         bytes / static_cast<double>(calls));
}

double size_of(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 ? static_cast<double>(info.st_size) : 0;
}

int run(uint64_t wanted_calls, const std::string& folder) {
  const std::string path = folder + "/bench.vtn";
  auto fd = open_file(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (!fd) {
    fprintf(stderr, "%s\n", fd.error().message.c_str());
    return 1;
  }
  spool::FileHeader header = spool::file_header(ClockKind::kTsc);
  header.trace_id = 1;
  auto spool = spool::Writer::start(std::move(*fd), header);
  if (!spool) {
    return 1;
  }
  define_functions(**spool);
  for (uint64_t i = 0; i < 100; ++i) {
    const spool::ClockTriple triple = {1'000'000'000'000 + i * 2'600'000'000,
                                       5'000'000'000 + i * 1'000'000'000,
                                       1'700'000'000'000'000'000 + i * 1'000'000'000};
    (void)(*spool)->append(spool::FrameKind::kClock, bytes_of(triple));
  }

  Workload workload;
  collector::FunctionTraits traits;
  collector::FunctionCodes codes;
  collector::CallAssembler assembler(header.tick_step);
  spool::FrameColumns columns;
  spool::FrameEncoder encoder;
  std::vector<uint64_t> words(collector::kMaxChunkWords);
  double assembling = 0;
  double encoding = 0;
  double raw_encoding = 0;
  double writing = 0;
  for (uint32_t sequence = 0; workload.calls < wanted_calls; ++sequence) {
    uint64_t base = 0;
    const size_t count = workload.fill(words, base);
    double at = seconds();
    (void)assembler.assemble({{words.data(), count}, base, UINT64_MAX}, traits, codes, columns);
    columns.head.tid = 1234;
    columns.head.sequence = sequence;
    assembling += seconds() - at;
    at = seconds();
    (void)encoder.encode(columns, false);
    raw_encoding += seconds() - at;
    at = seconds();
    const std::string_view frame = encoder.encode(columns, true);
    encoding += seconds() - at;
    at = seconds();
    if (!(*spool)->append_events(columns, frame)) {
      return 1;
    }
    writing += seconds() - at;
  }
  (void)(*spool)->close();
  const uint64_t calls = workload.calls;
  printf("%llu calls\n", static_cast<unsigned long long>(calls));
  print("assemble", assembling, calls, 0);
  print("encode, uncompressed", raw_encoding, calls, 0);
  print("encode, zstd", encoding, calls, 0);
  print("write the spool (.vtn)", writing, calls, size_of(path));

  auto again = open_file(path, O_RDONLY);
  if (!again) {
    return 1;
  }
  auto reader = spool::Reader::open(std::move(*again), path);
  if (!reader) {
    fprintf(stderr, "%s\n", reader.error().message.c_str());
    return 1;
  }
  struct Step {
    const char* what;
    const char* file;
    bool json;
    bool gzip;
    unsigned workers;
  };
  for (const Step& step : {Step{".json, to nowhere, one core", "/dev/null", true, false, 1},
                           Step{".pftrace, to nowhere, one core", "/dev/null", false, false, 1},
                           Step{".json, one core", "bench.json", true, false, 1},
                           Step{".json", "bench.json", true, false, 0},
                           Step{".json.gz", "bench.json.gz", true, true, 0},
                           Step{".pftrace, one core", "bench.pftrace", false, false, 1},
                           Step{".pftrace", "bench.pftrace", false, false, 0},
                           Step{".pftrace.gz", "bench.pftrace.gz", false, true, 0}}) {
    report::WriteRequest options;
    options.path = step.file[0] == '/' ? step.file : folder + "/" + step.file;
    options.gzip = step.gzip;
    options.settings.workers = step.workers;
    const double at = seconds();
    const double used = processor_seconds();
    Status status = step.json ? report::write_json(**reader, options)
                              : report::write_perfetto(**reader, options);
    const double spent = seconds() - at;
    if (!status) {
      fprintf(stderr, "%s\n", status.error().message.c_str());
      return 1;
    }
    print(step.what, spent, calls, size_of(options.path));
    printf("%-28s %8.1f M calls/s of processor time\n",
           "",
           static_cast<double>(calls) / (processor_seconds() - used) * 1e-6);
    if (step.file[0] != '/') {
      (void)unlink(options.path.c_str());
    }
  }
  struct rusage usage = {};
  (void)getrusage(RUSAGE_SELF, &usage);
  printf("peak memory %.1f MB\n", static_cast<double>(usage.ru_maxrss) / 1024);
  (void)unlink(path.c_str());
  return 0;
}

}  // namespace
}  // namespace vtn

// writers_bench [millions of calls] [folder]
int main(int argc, char** argv) {
  const uint64_t millions = argc > 1 ? strtoull(argv[1], nullptr, 10) : 4;
  char made[] = "/tmp/vtn-bench-XXXXXX";
  const std::string folder = argc > 2 ? argv[2] : mkdtemp(made) != nullptr ? made : "";
  const int status = vtn::run(millions * 1'000'000, folder);
  if (argc <= 2) {
    (void)rmdir(folder.c_str());
  }
  return status;
}

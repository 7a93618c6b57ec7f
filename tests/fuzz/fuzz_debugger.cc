// SPDX-License-Identifier: Apache-2.0
//
// What anybody may type at the debugger, line by line, over a recording of a real run. Whatever it
// is, the answer is text that a terminal can be given, and what fails says so in one line.
#include <memory>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/utf8.h"
#include "debugger/debugger.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace vtn;

constexpr size_t kMostLines = 64;

std::unique_ptr<debugger::Recording> open_recording() {
  auto fd = open_file(VTN_FUZZED_RECORDING, O_RDONLY);
  if (!fd) {
    abort();
  }
  auto spool = spool::Reader::open(std::move(*fd), "fuzz.vtn");
  if (!spool) {
    fprintf(stderr, "%s\n", spool.error().message.c_str());
    abort();
  }
  auto recording = debugger::Recording::of(std::move(*spool));
  if (!recording) {
    abort();
  }
  return std::move(*recording);
}

void check(const std::string& line, const debugger::Debugger::Answer& answer) {
  const std::string& text = answer.text;
  bool sound = valid_utf8(text) == text && (text.empty() || text.back() == '\n');
  for (const char letter : text) {
    sound =
        sound && letter != 0x7f && (static_cast<unsigned char>(letter) >= 0x20 || letter == '\n');
  }
  if (answer.failed) {
    sound = sound && text.find('\n') == text.size() - 1;
  }
  if (!sound) {
    fprintf(stderr, "'%s' is answered by '%s'\n", line.c_str(), text.c_str());
    abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<debugger::Recording> recording = open_recording();
  debugger::Debugger debugger(*recording);
  std::string_view left(reinterpret_cast<const char*>(data), size);
  for (size_t i = 0; i < kMostLines && !left.empty(); ++i) {
    const std::string line(left.substr(0, left.find('\n')));
    left.remove_prefix(std::min(left.size(), line.size() + 1));
    (void)debugger.completions(line);
    check(line, debugger.answer(line));
    // Wherever it is now, all of it can be looked at.
    for (const char* look : {"where", "list", "args", "call"}) {
      check(look, debugger.answer(look));
    }
  }
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  return {"s\ns 3\nn\nnb\nr\nrb\nuntil\nuntil 3\nsb",
          "break *\nc\nc 3\nrc\nb x.py:1\ndelete 1\ndelete\nlongest *a*",
          "find 1\nfind\nfb a b\nf",
          "jump 1us\nj +5 ms\nt 12.5\nt\njump #1.2\njump #3\nj end\nj start",
          "threads\nthread 2\ntid\ntid 1\npid\nprocesses\npid 7\nthread MainThread",
          "s 9\ntree\ntree 2 5\nu\nd\nw 3\nll\nl 4\nmarks\nmarks "
          "3\ncounter\nobject\ninfo\nhelp\nhelp s\nquit"};
}

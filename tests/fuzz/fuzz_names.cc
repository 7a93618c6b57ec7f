// SPDX-License-Identifier: Apache-2.0
//
// A names stream as a scribbling program may leave it, and the texts that reports make of it.
#include <simdjson.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "report/json/names.h"
#include "report/process_names.h"
#include "report/text.h"
#include "spool/model.h"
#include "tests/fuzz/fuzz.h"

using namespace vtn;

namespace {

// Another reader takes any text and finds what was meant; no byte is one that some reader refuses.
void check_text(std::string_view text) {
  static simdjson::dom::parser parser;
  const std::string quoted = report::json_quoted(text);
  for (const char byte : quoted) {
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) {
      abort();
    }
  }
  std::string_view read;
  if (parser.parse(quoted).get(read) != simdjson::SUCCESS || read != valid_utf8(text)) {
    abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  spool::Model model;
  const spool::ImageFrame image = {};
  if (!model.add_frame(spool::FrameKind::kImage,
                       {reinterpret_cast<const char*>(&image), sizeof(image)})) {
    abort();
  }
  std::vector<uint64_t> words(size / 8);
  if (!words.empty()) {
    memcpy(words.data(), data, words.size() * 8);
  }
  if (model.add_names(0, words.data(), words.size()) > words.size()) {
    abort();
  }
  const spool::ImageInfo& info = model.images[0];
  const report::JsonNames names(model);
  for (uint32_t id = 0; id < 40; ++id) {
    const report::NameTail* tail = names.find(0, id);
    if ((tail != nullptr) != (info.function(id) != nullptr)) {
      abort();
    }
    // Valid UTF-8 stays as it is: what was made valid is.
    const std::string shown = report::display_name(info.function(id), id);
    if (valid_utf8(shown) != shown) {
      abort();
    }
    check_text(shown);
  }
  check_text(info.executable);
  check_text(info.cwd);
  check_text(info.name);
  for (const std::string& argument : info.argv) {
    check_text(argument);
    check_text(report::one_line(argument, 20));
  }
  check_text(report::program_name(info.executable, info.argv));
  check_text({reinterpret_cast<const char*>(data), size});
  spool::ThreadInfo thread;
  (void)report::thread_name(info, thread);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  std::vector<uint64_t> words;
  const auto add = [&](NameRecord type, const void* fixed, size_t bytes, const std::string& text) {
    const size_t length = 1 + (bytes + text.size() + 7) / 8;
    const size_t at = words.size();
    words.resize(at + length);
    words[at] = name_record_head(type, static_cast<uint32_t>(length));
    memcpy(&words[at + 1], fixed, bytes);
    memcpy(reinterpret_cast<char*>(&words[at + 1]) + bytes, text.data(), text.size());
  };
  ProcessRecord process = {};
  process.executable_bytes = 15;
  process.cwd_bytes = 4;
  process.argv_bytes = 13;
  add(NameRecord::kProcess,
      &process,
      sizeof(process),
      std::string("/usr/bin/python") + "/tmp" + std::string("python\0-c\0x\0y\0", 13));
  const FunctionRecord function = {16, FunctionKind::kPython, 3, 6, 5, 0};
  add(NameRecord::kFunction, &function, sizeof(function), "f\xc3\xa9\xff\"\nx.py");
  const FunctionRecord other = {17, FunctionKind::kC, 0, 12, 0, 0};
  add(NameRecord::kFunction, &other, sizeof(other), "builtins.len");
  const ThreadRecord thread = {1, 0, 2};
  add(NameRecord::kThread, &thread, sizeof(thread), "");
  const TextRecord name = {0, 6};
  add(NameRecord::kThreadName, &name, sizeof(name), "Worker");
  add(NameRecord::kProcessName, &name, sizeof(name), "worker");
  add(NameRecord::kNotice, &name, sizeof(name), "a notice");
  const SwitchedOffRecord off = {9000, 16, 0};
  add(NameRecord::kSwitchedOff, &off, sizeof(off), "");
  return {std::string(reinterpret_cast<const char*>(words.data()), words.size() * 8)};
}

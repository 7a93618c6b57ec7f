// SPDX-License-Identifier: Apache-2.0
//
// A process tree without processes: tests append the frames that the collector would have written,
// and read the spool.
#pragma once

#include "collector/call_assembly.h"
#include "report/process_tree.h"
#include "spool/codec.h"
#include "tests/support/recording.h"

namespace vtn::test {

class TreeRecording {
 public:
  TreeRecording() {
    spool::FileHeader header = spool::file_header(ClockKind::kMonotonic);
    header.trace_id = 42;
    auto started = spool::Writer::start(create_file(folder.file("spool")), header);
    REQUIRE(started.has_value());
    spool_ = std::move(*started);
  }

  struct Image {
    uint32_t process = 0;
    uint32_t pid = 0;
    uint64_t ticks = 0;
    std::vector<std::string> argv = {};
    uint32_t parent = spool::kNoProcess;
    uint32_t parent_tid = 0;
    SlotKind kind = SlotKind::kImage;
    bool python = false;
    uint32_t own_pid = 0;  // 0: the pid
  };
  // Returns its number. The executable is /bin/ and argv[0].
  uint32_t image(const Image& what) {
    const std::string text = text_of(what.argv);
    spool::ImageFrame frame = {};
    frame.image = images_;
    frame.process = what.process;
    frame.pid = what.pid;
    frame.own_pid = what.own_pid != 0 ? what.own_pid : what.pid;
    frame.kind = static_cast<uint32_t>(what.kind);
    frame.flags = what.python ? uint32_t{kSlotPython} : 0u;
    frame.parent_process = what.parent;
    frame.parent_pid = what.parent == spool::kNoProcess ? 1 : 1000;
    frame.parent_tid = what.parent_tid;
    frame.slot_start_ticks = what.ticks;
    frame.start_ticks = what.ticks;
    frame.text_bytes = static_cast<uint32_t>(text.size());
    append(spool::FrameKind::kImage, frame, text);
    return images_++;
  }

  void start(uint32_t process,
             uint32_t parent,
             uint32_t parent_tid,
             uint64_t ticks,
             const std::vector<std::string>& argv,
             uint32_t pid = 0,
             UntracedReason reason = UntracedReason::kNone) {
    const std::string text = text_of(argv);
    spool::StartFrame frame = {};
    frame.process = process;
    frame.parent_process = parent;
    frame.parent_tid = parent_tid;
    frame.reason = static_cast<uint32_t>(reason);
    frame.ticks = ticks;
    frame.text_bytes = static_cast<uint32_t>(text.size());
    frame.pid = pid;
    append(spool::FrameKind::kStart, frame, text);
  }

  void end(uint32_t process, uint64_t ticks, int wait_status, const std::string& title = "") {
    spool::ProcessEndFrame frame = {};
    frame.process = process;
    frame.flags = spool::kProcessDied | spool::kProcessStatusKnown | spool::kProcessEndExact;
    frame.wait_status = wait_status;
    frame.text_bytes = static_cast<uint32_t>(title.size());
    frame.end_ticks = ticks;
    append(spool::FrameKind::kProcessEnd, frame, title);
  }

  // A Python function of an image.
  uint32_t python(uint32_t image, const std::string& name) {
    const uint32_t id = next_id_++;
    const std::string file = "/x.py";
    const FunctionRecord fixed = {id,
                                  FunctionKind::kPython,
                                  1,
                                  static_cast<uint32_t>(name.size()),
                                  static_cast<uint32_t>(file.size()),
                                  0};
    const std::string text = name + file;
    const size_t length = 1 + (sizeof(fixed) + text.size() + 7) / 8;
    std::vector<uint64_t> words(length);
    words[0] = name_record_head(NameRecord::kFunction, static_cast<uint32_t>(length));
    memcpy(&words[1], &fixed, sizeof(fixed));
    memcpy(reinterpret_cast<char*>(&words[1]) + sizeof(fixed), text.data(), text.size());
    append(spool::FrameKind::kNames,
           spool::NamesFrame{image, 0},
           std::string(reinterpret_cast<const char*>(words.data()), length * 8));
    return id;
  }

  struct Call {
    uint64_t ticks;
    EventKind kind;
    uint32_t id;
  };
  // All that a thread recorded: one frame.
  void calls(uint32_t image, uint32_t thread, uint32_t tid, const std::vector<Call>& calls) {
    std::vector<uint64_t> words;
    const uint64_t base = calls.front().ticks - 1;
    for (const Call& call : calls) {
      words.push_back(event_word(call.ticks - base, call.kind, call.id));
    }
    collector::CallAssembler assembler(1);
    spool::FrameColumns columns;
    REQUIRE(assembler.assemble(
        {words, base, calls.back().ticks}, collector::FunctionTraits(), codes_, columns));
    columns.head.image = image;
    columns.head.thread = thread;
    columns.head.tid = tid;
    REQUIRE(spool_->append_events(columns, encoder_.encode(columns, false)).has_value());
  }

  std::unique_ptr<spool::Reader> read() {
    REQUIRE(spool_->close().has_value());
    auto fd = open_file(folder.file("spool"), O_RDONLY);
    REQUIRE(fd.has_value());
    auto reader = spool::Reader::open(std::move(*fd), folder.file("spool"));
    REQUIRE(reader.has_value());
    REQUIRE(!(*reader)->model().truncated);
    return std::move(*reader);
  }

  TemporaryFolder folder;

 private:
  template <class T>
  void append(spool::FrameKind kind, const T& frame, const std::string& text) {
    REQUIRE(spool_->append_struct(kind, frame, text).has_value());
  }

  static std::string text_of(const std::vector<std::string>& argv) {
    if (argv.empty()) {
      return "";
    }
    std::string text = "/bin/" + argv[0] + '\0';
    for (const std::string& argument : argv) {
      text += argument + '\0';
    }
    return text;
  }

  std::unique_ptr<spool::Writer> spool_;
  spool::FrameEncoder encoder_;
  collector::FunctionCodes codes_;
  uint32_t images_ = 0;
  uint32_t next_id_ = kFirstNameId;
};

}  // namespace vtn::test

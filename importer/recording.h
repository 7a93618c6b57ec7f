// SPDX-License-Identifier: Apache-2.0
//
// Writes what was taken in as a recording: processes and images as the facts say, or one process
// for each pid; names; each thread's calls; what there was no place for, as a notice of the first
// process. Thread-bound.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "importer/facts.h"
#include "importer/intake.h"
#include "importer/thread_assembly.h"
#include "spool/writer.h"

namespace vtn::importer {

// What was changed or left out, each as part of a sentence: "3 calls that ...".
std::vector<std::string> remarks_on(const Intake& intake, const AssemblyCounts& counts);

class Recording {
 public:
  // `source` is what was imported, for the notice: "r.json (VizTracer 1.1.1)".
  Recording(spool::Writer& writer, const Intake& intake, Facts& facts, std::string source)
      : writer_(writer), intake_(intake), facts_(facts), source_(std::move(source)) {}

  // intake.store is finished. The writer is closed in the end. `go_on` (may be empty): false ends
  // it with ECANCELED.
  Status write(const std::function<bool()>& go_on);
  const AssemblyCounts& counts() const { return counts_; }

 private:
  struct Row {                      // of the report
    std::vector<uint32_t> threads;  // Intake's numbers: its own, and those with its deeper calls
  };
  struct Image {
    uint32_t number = 0;
    uint64_t start_ns = 0;
    uint32_t threads = 0;
    uint32_t next_id = kFirstNameId;
    std::vector<ImageFunction> functions;  // by name
  };

  void find_processes();
  Status write_run();
  Status write_process(uint32_t process);
  Status write_image(uint32_t process, const ImportedImage& image);
  Status write_start(uint32_t process, const ImportedStart& start);
  Status write_threads(uint32_t process);
  Status write_thread(uint32_t process, const Row& row, std::vector<Image>& images);
  Status write_folded(int64_t pid, Image& image);
  Status write_ends();
  Result<ImageFunction> function_of(Image& image, uint32_t name);
  Result<std::pair<uint32_t, uint32_t>> new_thread(uint32_t process,
                                                   const Row& row,
                                                   Image& image,
                                                   size_t n);
  Status write_notice();
  uint64_t ticks(uint64_t ns) const { return ns + facts_.offset_ns; }
  const std::string& shown_name(uint32_t name) const { return intake_.names[name].text; }

  spool::Writer& writer_;
  const Intake& intake_;
  Facts& facts_;
  std::string source_;
  std::vector<std::vector<Row>> rows_;          // by process
  std::vector<std::vector<uint32_t>> numbers_;  // of images, by process
  uint32_t images_ = 0;
  uint32_t made_up_tids_ = 0;
  std::function<bool()> go_on_;
  uint64_t records_ = 0;
  AssemblyCounts counts_;
  spool::FrameCodes codes_;
  spool::FrameEncoder encoder_;
};

// "qualname (file:line)" into its parts. False: the name is none of a Python function.
bool split_python_name(std::string_view text,
                       std::string_view& name,
                       std::string_view& file,
                       uint32_t& line);

}  // namespace vtn::importer

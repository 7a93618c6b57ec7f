// SPDX-License-Identifier: Apache-2.0
#include "report/ordered_jobs.h"

#include <string>

#include "base/file.h"
#include "report/pieces.h"
#include "tests/support/catch.h"
#include "tests/support/no_threads.h"
#include "tests/support/temporary_folder.h"

namespace vtn::test {
namespace {

// Every job's number.
int write_numbers(const std::string& path) {
  auto output = report::OutputFile::create(path);
  report::OrderedJobs jobs;
  jobs.count = 100;
  jobs.make = [](size_t job, unsigned, report::ByteBuffer& to) {
    to.append(std::to_string(job) + ' ');
    return Status{};
  };
  return output && report::run_ordered(jobs, 4, *output) && output->commit() ? 0 : 1;
}

std::string numbers() {
  std::string text;
  for (int job = 0; job < 100; ++job) {
    text += std::to_string(job) + ' ';
  }
  return text;
}

}  // namespace

TEST_CASE("jobs: the pieces lie in order, whoever makes them", "[report]") {
  const TemporaryFolder folder;
  CHECK(write_numbers(folder.file("some")) == 0);
  CHECK(read_file(folder.file("some")).value() == numbers());
  CHECK(without_threads([&] { return write_numbers(folder.file("none")); }) == 0);
  CHECK(read_file(folder.file("none")).value() == numbers());
}

TEST_CASE("jobs: an error of one ends all, also where no thread can be started", "[report]") {
  const TemporaryFolder folder;
  const auto fail_one = [&] {
    auto output = report::OutputFile::create(folder.file("failed"));
    report::OrderedJobs jobs;
    jobs.count = 100;
    jobs.make = [](size_t job, unsigned, report::ByteBuffer&) {
      return job == 50 ? Status(fail("no fiftieth")) : Status{};
    };
    const Status status = report::run_ordered(jobs, 4, *output);
    return !status && status.error().message == "no fiftieth" ? 0 : 1;
  };
  CHECK(fail_one() == 0);
  CHECK(without_threads(fail_one) == 0);
}

TEST_CASE("pieces: frames with nothing but notes are not all of one", "[report]") {
  spool::Model model;
  for (uint32_t i = 0; i < 100; ++i) {
    spool::FrameInfo& frame = model.frames.emplace_back();
    frame.ops = i % 2 == 0 ? 1000 : 0;
    frame.body_bytes = i % 2 == 0 ? 2500 : 40'000;
  }
  const auto groups = report::group_frames(model, 32 * 1024);
  CHECK(groups.size() >= 16);
  CHECK(groups.size() <= 25);
  CHECK(groups.back().end == 100);
  for (size_t i = 1; i < groups.size(); ++i) {
    CHECK(groups[i].first == groups[i - 1].end);
  }
}

}  // namespace vtn::test

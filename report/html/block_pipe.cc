// SPDX-License-Identifier: Apache-2.0
#include "report/html/block_pipe.h"

#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "report/html/base64.h"

namespace vtn::report {

namespace {

// A page is read many times, and mailed: worth twice the time of other reports.
constexpr int kPageGzipLevel = 6;
constexpr size_t kBlocksOfWorker = 2;
constexpr size_t kCopyBytes = size_t{1} << 20;

}  // namespace

Result<std::string> page_element(GzipCompressor& gzip,
                                 std::string_view id,
                                 std::string_view attributes,
                                 std::string_view bytes) {
  ByteBuffer packed;
  VTN_TRY(gzip.compress(bytes, packed));
  std::string element =
      fmt::format("<script type=\"application/x-vtn\" id=\"vtn-{}\"{}>", id, attributes);
  append_base64(element, packed.view());
  element += "</script>\n";
  return element;
}

Result<std::unique_ptr<BlockPipe>> BlockPipe::open(const std::string& folder, unsigned workers) {
  VTN_ASSIGN(UniqueFd file, unnamed_file(folder));
  return std::unique_ptr<BlockPipe>(new BlockPipe(std::move(file), workers));
}

BlockPipe::BlockPipe(UniqueFd file, unsigned workers)
    : file_(std::move(file)), most_waiting_(kBlocksOfWorker * workers) {
  for (unsigned i = 0; i < workers; ++i) {
    auto thread = Thread::start([this] { serve(); });
    if (!thread) {
      break;  // whoever puts a block does the work
    }
    threads_.push_back(std::move(*thread));
  }
}

BlockPipe::~BlockPipe() { (void)finish(); }

Result<uint32_t> BlockPipe::put(const char* kind, std::string attributes, std::string bytes) {
  Job job;
  uint32_t number = 0;
  {
    MutexLock lock(mutex_);
    if (error_) {
      return tl::unexpected<Error>(*error_);
    }
    number = counts_[kind]++;
    job = {jobs_++, fmt::format("{}-{}", kind, number), std::move(attributes), std::move(bytes)};
    if (!threads_.empty() && waiting_.size() < most_waiting_) {
      waiting_.push_back(std::move(job));
      changed_.notify_all();
      return number;
    }
  }
  VTN_TRY(work(job));
  return number;
}

void BlockPipe::serve() {
  for (;;) {
    Job job;
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !over_) {
        changed_.wait(mutex_);
      }
      if (waiting_.empty()) {
        return;
      }
      job = std::move(waiting_.front());
      waiting_.pop_front();
    }
    (void)work(job);  // it is noted
  }
}

std::unique_ptr<GzipCompressor> BlockPipe::take_compressor() {
  MutexLock lock(mutex_);
  if (compressors_.empty()) {
    return std::make_unique<GzipCompressor>(kPageGzipLevel);
  }
  std::unique_ptr<GzipCompressor> compressor = std::move(compressors_.back());
  compressors_.pop_back();
  return compressor;
}

Status BlockPipe::work(const Job& job) {
  std::unique_ptr<GzipCompressor> compressor = take_compressor();
  Result<std::string> element = page_element(*compressor, job.id, job.attributes, job.bytes);
  Status status =
      element ? deliver(job.number, std::move(*element)) : tl::unexpected<Error>(element.error());
  MutexLock lock(mutex_);
  compressors_.push_back(std::move(compressor));
  if (!status && !error_) {
    error_ = status.error();
  }
  return status;
}

Status BlockPipe::deliver(uint64_t number, std::string element) {
  MutexLock lock(mutex_);
  made_.emplace(number, std::move(element));
  for (auto next = made_.begin(); next != made_.end() && next->first == written_;
       next = made_.begin()) {
    VTN_TRY(write_all(file_.get(), next->second));
    size_ += next->second.size();
    ++written_;
    made_.erase(next);
  }
  return {};
}

Status BlockPipe::finish() {
  {
    MutexLock lock(mutex_);
    over_ = true;
    changed_.notify_all();
  }
  threads_.clear();  // joins them
  MutexLock lock(mutex_);
  return error_ ? Status(tl::unexpected<Error>(*error_)) : Status();
}

uint32_t BlockPipe::count(const std::string& kind) const {
  MutexLock lock(mutex_);
  const auto found = counts_.find(kind);
  return found == counts_.end() ? 0 : found->second;
}

Status BlockPipe::copy_to(OutputFile& output) const {
  std::string buffer(kCopyBytes, '\0');
  for (uint64_t at = 0; at < size_;) {
    VTN_ASSIGN(const size_t got, pread_all(file_.get(), buffer.data(), buffer.size(), at));
    if (got == 0) {
      return fail("a file without a name has become shorter");
    }
    VTN_TRY(output.append(std::string_view(buffer).substr(0, got)));
    at += got;
  }
  return {};
}

}  // namespace vtn::report

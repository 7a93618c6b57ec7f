// SPDX-License-Identifier: Apache-2.0
#include "report/summary/speedscope.h"

#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "report/output_file.h"
#include "report/picture.h"
#include "report/summary/stacks.h"
#include "report/text.h"

namespace vtn::report {

namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;

class Writer {
 public:
  Writer(const Picture& picture, OutputFile& output) : picture_(picture), output_(output) {}

  Status put_profiles(const std::vector<ThreadStacks>& stacks) {
    pending_ =
        "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n"
        "\"exporter\":\"viztracer-native\",\"activeProfileIndex\":0,\n\"profiles\":[";
    bool is_first = true;
    for (const uint32_t number : picture_.order) {
      for (const uint32_t thread : picture_.processes[number].threads) {
        pending_ += is_first ? "\n" : ",\n";
        is_first = false;
        VTN_TRY(put_profile(thread, stacks[thread]));
      }
    }
    pending_ += "],\n\"shared\":{\"frames\":[";
    for (size_t i = 0; i < frames_.size(); ++i) {
      pending_ += (i == 0 ? "\n" : ",\n") + frames_[i];
      VTN_TRY(flush_if_long());
    }
    pending_ += "]}}\n";
    return flush();
  }

 private:
  Status put_profile(uint32_t thread, const ThreadStacks& stacks) {
    const spool::ThreadInfo& info = picture_.model.threads[thread];
    const spool::ImageInfo& image = picture_.model.images[info.image];
    const ProcessInfo& process = picture_.of_thread(thread);
    uint64_t all_ns = 0;
    for (const Stack& stack : stacks) {
      all_ns += stack.own_ns;
    }
    pending_ += fmt::format(
        "{{\"type\":\"sampled\",\"unit\":\"nanoseconds\",\"startValue\":0,\"endValue\":{},\"name\":"
        "{},"
        "\"samples\":[",
        all_ns,
        json_quoted(fmt::format("{} {}, {} {}",
                                process.shown_pid,
                                process.name,
                                thread_name(image, info),
                                picture_.shown_tid(thread))));
    known_.assign(image.functions.size() + 1, kNoStack);
    bool is_first = true;
    for (const Stack& stack : stacks) {
      if (stack.own_ns == 0) {
        continue;
      }
      line_.clear();
      visit_functions(stacks, stack, [&](FunctionIndex function) {
        line_.push_back(frame_of(image, function));
      });
      pending_ += is_first ? "[" : ",[";
      is_first = false;
      for (size_t i = line_.size(); i-- > 0;) {
        pending_ += std::to_string(line_[i]) + (i == 0 ? "]" : ",");
      }
      VTN_TRY(flush_if_long());
    }
    pending_ += "],\n\"weights\":[";
    is_first = true;
    for (const Stack& stack : stacks) {
      if (stack.own_ns != 0) {
        pending_ += (is_first ? "" : ",") + std::to_string(stack.own_ns);
        is_first = false;
        VTN_TRY(flush_if_long());
      }
    }
    pending_ += "]}";
    return {};
  }

  // Its place among all frames.
  uint32_t frame_of(const spool::ImageInfo& image, FunctionIndex index) {
    uint32_t& known = index == kOtherFunctions ? others_ : known_[index];
    if (known == kNoStack) {
      const FunctionIdentity identity = identity_of(image, index);
      const auto [found, is_new] =
          ids_.try_emplace(identity, static_cast<uint32_t>(frames_.size()));
      known = found->second;
      if (is_new) {
        const auto& [name, file, line] = identity;
        frames_.push_back(
            "{\"name\":" + json_quoted(name) +
            (file.empty() ? std::string("}")
                          : fmt::format(",\"file\":{},\"line\":{}}}", json_quoted(file), line)));
      }
    }
    return known;
  }

  Status flush_if_long() { return pending_.size() < kPieceBytes ? Status() : flush(); }

  Status flush() {
    VTN_TRY(output_.append(pending_));
    pending_.clear();
    return {};
  }

  const Picture& picture_;
  OutputFile& output_;
  std::map<FunctionIdentity, uint32_t> ids_;
  std::vector<std::string> frames_;  // as JSON
  std::vector<uint32_t> known_;      // of the thread's functions; kNoStack: not met yet
  uint32_t others_ = kNoStack;
  std::vector<uint32_t> line_;  // innermost first
  std::string pending_;
};

}  // namespace

Status write_speedscope(const spool::Reader& spool, const WriteRequest& request) {
  const spool::Model& model = spool.model();
  const spool::ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  const Picture picture(model, clock, false);
  VTN_ASSIGN(
      const std::vector<ThreadStacks> stacks,
      find_stacks(spool, picture, kMostStacksOfThread, request.settings.workers, request.progress));
  VTN_ASSIGN(OutputFile output, OutputFile::create(request.path));
  VTN_TRY(Writer(picture, output).put_profiles(stacks));
  return output.commit();
}

}  // namespace vtn::report

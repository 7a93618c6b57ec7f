// SPDX-License-Identifier: Apache-2.0
#include "report/summary/folded.h"

#include <algorithm>
#include <string>
#include <vector>

#include "report/output_file.h"
#include "report/picture.h"
#include "report/process_names.h"
#include "report/summary/stacks.h"
#include "report/summary/text.h"
#include "report/text.h"

namespace vtn::report {

namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr size_t kMostNameBytes = 300;

// One frame of a line.
std::string frame_of(std::string_view name) {
  std::string text = one_line(name, kMostNameBytes);
  std::replace(text.begin(), text.end(), ';', ':');
  return text;
}

class Writer {
 public:
  Writer(const Picture& picture, OutputFile& output) : picture_(picture), output_(output) {}

  Status put_thread(uint32_t thread, const ThreadStacks& stacks) {
    const spool::ThreadInfo& info = picture_.model.threads[thread];
    const spool::ImageInfo& image = picture_.model.images[info.image];
    const ProcessInfo& process = picture_.of_thread(thread);
    names_.assign(image.functions.size() + 1, std::string());
    const std::string first =
        frame_of(process.name + " " + std::to_string(process.shown_pid)) + ";" +
        frame_of(thread_name(image, info) + " " + std::to_string(picture_.shown_tid(thread)));
    for (const Stack& stack : stacks) {
      if (stack.own_ns == 0) {
        continue;
      }
      line_.clear();
      visit_functions(stacks, stack, [&](FunctionIndex function) {
        line_.push_back(&name_of(image, function));
      });
      pending_ += first;
      for (size_t i = line_.size(); i-- > 0;) {
        pending_ += ';';
        pending_ += *line_[i];
      }
      pending_ += " " + std::to_string(stack.own_ns) + "\n";
      if (pending_.size() >= kPieceBytes) {
        VTN_TRY(flush());
      }
    }
    return {};
  }

  Status flush() {
    VTN_TRY(output_.append(pending_));
    pending_.clear();
    return {};
  }

 private:
  const std::string& name_of(const spool::ImageInfo& image, FunctionIndex index) {
    static const std::string others = "(other functions)";
    if (index == kOtherFunctions) {
      return others;
    }
    std::string& name = names_[index];
    if (name.empty()) {
      name = frame_of(function_text(function_at(image, index), image.cwd));
    }
    return name;
  }

  const Picture& picture_;
  OutputFile& output_;
  std::vector<std::string> names_;        // of the thread's functions, as far as they were needed
  std::vector<const std::string*> line_;  // innermost first
  std::string pending_;
};

}  // namespace

Status write_folded(const spool::Reader& spool, const WriteRequest& request) {
  const spool::Model& model = spool.model();
  const spool::ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  const Picture picture(model, clock, false);
  VTN_ASSIGN(
      const std::vector<ThreadStacks> stacks,
      find_stacks(spool, picture, kMostStacksOfThread, request.settings.workers, request.progress));
  VTN_ASSIGN(OutputFile output, OutputFile::create(request.path));
  Writer writer(picture, output);
  for (const uint32_t number : picture.order) {
    for (const uint32_t thread : picture.processes[number].threads) {
      VTN_TRY(writer.put_thread(thread, stacks[thread]));
    }
  }
  VTN_TRY(writer.flush());
  return output.commit();
}

}  // namespace vtn::report

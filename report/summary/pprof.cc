// SPDX-License-Identifier: Apache-2.0
#include "report/summary/pprof.h"

#include <map>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "report/picture.h"
#include "report/pieces.h"
#include "report/proto.h"
#include "report/summary/stacks.h"
#include "report/text.h"

namespace vtn::report {

namespace {

// Field numbers of proto/profile.proto.
namespace profile {
constexpr uint32_t kSampleType = 1, kSample = 2, kLocation = 4, kFunction = 5, kStringTable = 6,
                   kTimeNanos = 9, kDurationNanos = 10, kDefaultSampleType = 14;
}
namespace value_type {
constexpr uint32_t kType = 1, kUnit = 2;
}
namespace sample {
constexpr uint32_t kLocationId = 1, kValue = 2, kLabel = 3;
}
namespace label {
constexpr uint32_t kKey = 1, kStr = 2;
}
namespace location {
constexpr uint32_t kId = 1, kLine = 4;
}
namespace line {
constexpr uint32_t kFunctionId = 1, kLine = 2;
}
namespace function {
constexpr uint32_t kId = 1, kName = 2, kSystemName = 3, kFilename = 4, kStartLine = 5;
}

class Profile {
 public:
  Profile(const Picture& picture, TextOutput& output) : picture_(picture), output_(output) {}

  Status put_head() {
    (void)text("");  // the first has to be
    ProtoMessage head;
    head.message(profile::kSampleType, unit_of("calls", "count"));
    head.message(profile::kSampleType, unit_of("time", "nanoseconds"));
    head.number(profile::kDefaultSampleType, text("time"));
    if (picture_.start_ns != UINT64_MAX) {
      uint64_t end_ns = picture_.start_ns;
      for (const uint32_t number : picture_.order) {
        end_ns = std::max(end_ns, picture_.processes[number].end_ns);
      }
      head.number(profile::kTimeNanos, picture_.clock.realtime_base_ns() + picture_.start_ns);
      head.number(profile::kDurationNanos, end_ns - picture_.start_ns);
    }
    return output_.append(head.view());
  }

  Status put_thread(uint32_t thread, const ThreadStacks& stacks) {
    const spool::ThreadInfo& info = picture_.model.threads[thread];
    const spool::ImageInfo& image = picture_.model.images[info.image];
    const ProcessInfo& process = picture_.of_thread(thread);
    const ProtoMessage of_process =
        label_of("process", process.name + " " + std::to_string(process.shown_pid));
    const ProtoMessage of_thread = label_of(
        "thread", thread_name(image, info) + " " + std::to_string(picture_.shown_tid(thread)));
    locations_.assign(image.functions.size() + 1, 0);
    for (const Stack& stack : stacks) {
      std::string ids;
      Status written;
      visit_functions(stacks, stack, [&](FunctionIndex function) {
        const Result<uint64_t> id = location_of(image, function);
        if (id) {
          spool::append_varint(ids, *id);
        } else {
          written = tl::unexpected<Error>(id.error());
        }
      });
      VTN_TRY(written);
      std::string values;
      spool::append_varint(values, stack.calls);
      spool::append_varint(values, stack.own_ns);
      ProtoMessage one;
      one.bytes(sample::kLocationId, ids).bytes(sample::kValue, values);
      one.message(sample::kLabel, of_process).message(sample::kLabel, of_thread);
      VTN_TRY(put(profile::kSample, one));
    }
    return {};
  }

  Status put_texts() {
    for (const std::string* one : ordered_texts_) {
      ProtoMessage message;
      message.bytes(profile::kStringTable, *one);
      VTN_TRY(output_.append(message.view()));
    }
    return {};
  }

 private:
  Status put(uint32_t field, const ProtoMessage& message) {
    ProtoMessage outer;
    outer.message(field, message);
    return output_.append(outer.view());
  }

  ProtoMessage unit_of(const char* type, const char* unit) {
    ProtoMessage message;
    message.number(value_type::kType, text(type)).number(value_type::kUnit, text(unit));
    return message;
  }

  ProtoMessage label_of(const char* key, const std::string& value) {
    ProtoMessage message;
    message.number(label::kKey, text(key)).number(label::kStr, text(value));
    return message;
  }

  // Its place in the table of texts.
  uint64_t text(const std::string& bytes) {
    const auto [known, is_new] = texts_.try_emplace(valid_utf8(bytes), texts_.size());
    if (is_new) {
      ordered_texts_.push_back(&known->first);
    }
    return known->second;
  }

  // Its id, which is that of the function, too. The first time that it is met, both are written.
  Result<uint64_t> location_of(const spool::ImageInfo& image, FunctionIndex index) {
    uint64_t& id = index == kOtherFunctions ? others_ : locations_[index];
    if (id == 0) {
      const FunctionIdentity identity = identity_of(image, index);
      const auto [known, is_new] = ids_.try_emplace(identity, ids_.size() + 1);
      id = known->second;
      if (is_new) {
        VTN_TRY(put_function(identity, id));
      }
    }
    return id;
  }

  Status put_function(const FunctionIdentity& identity, uint64_t id) {
    const auto& [name, file, first_line] = identity;
    ProtoMessage function;
    function.number(function::kId, id).number(function::kName, text(name));
    // The name of a place, for pprof takes what is in angles out of one that is its system's as
    // well.
    const std::string place = file + ":" + std::to_string(first_line) + ":" + name;
    function.number(function::kSystemName, text(place)).number(function::kFilename, text(file));
    function.number(function::kStartLine, first_line);
    VTN_TRY(put(profile::kFunction, function));
    ProtoMessage line;
    line.number(line::kFunctionId, id).number(line::kLine, first_line);
    ProtoMessage location;
    location.number(location::kId, id).message(location::kLine, line);
    return put(profile::kLocation, location);
  }

  const Picture& picture_;
  TextOutput& output_;
  std::map<std::string, uint64_t> texts_;
  std::vector<const std::string*> ordered_texts_;
  std::map<FunctionIdentity, uint64_t> ids_;
  std::vector<uint64_t> locations_;  // of the thread's functions, as far as they were met
  uint64_t others_ = 0;
};

}  // namespace

Status write_pprof(const spool::Reader& spool, const WriteRequest& request) {
  const spool::Model& model = spool.model();
  const spool::ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  const Picture picture(model, clock, false);
  VTN_ASSIGN(
      const std::vector<ThreadStacks> stacks,
      find_stacks(spool, picture, kMostStacksOfThread, request.settings.workers, request.progress));
  VTN_ASSIGN(OutputFile output, OutputFile::create(request.path));
  TextOutput text(request.gzip, output);
  Profile profile(picture, text);
  VTN_TRY(profile.put_head());
  for (const uint32_t number : picture.order) {
    for (const uint32_t thread : picture.processes[number].threads) {
      VTN_TRY(profile.put_thread(thread, stacks[thread]));
    }
  }
  VTN_TRY(profile.put_texts());
  VTN_TRY(text.flush());
  return output.commit();
}

}  // namespace vtn::report

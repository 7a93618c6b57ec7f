// SPDX-License-Identifier: Apache-2.0
#include "importer/page/page.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "importer/json/ledger.h"
#include "importer/json/text.h"
#include "importer/json/value.h"
#include "importer/page/call_block.h"
#include "importer/page/elements.h"
#include "importer/page/tables.h"

namespace vtn::importer {

namespace {

constexpr int64_t kFormat = 2;  // the one before had no tracks of spans
constexpr char kNotUnpacked[] = "what it holds does not unpack";

// By thread, depth and the row's place among those of its depth.
struct RowKey {
  uint32_t thread;
  uint32_t depth;
  uint64_t index;
  bool operator==(const RowKey&) const = default;
};
struct RowKeyHash {
  size_t operator()(const RowKey& key) const {
    return ((uint64_t{key.thread} << 40) ^ (uint64_t{key.depth} << 28) ^ key.index) *
           0x9e37'79b9'7f4a'7c15;
  }
};

class Page {
 public:
  Page(const std::string& path, Intake& intake, Facts& facts, bool partial)
      : path_(path), intake_(intake), facts_(facts), partial_(partial) {}

  // What the file says of itself, and the values, which are told behind their calls.
  Status read_first(ByteSource& source) {
    PageElements elements(source);
    PageElement element;
    bool has_meta = false;
    bool has_tables = false;
    for (;;) {
      VTN_ASSIGN(const bool there, elements.next(element, [](const std::string& name) {
        return name == "meta" || name == "tables" || name == "values";
      }));
      if (!there) {
        break;
      }
      if (!element.sound) {
        VTN_TRY(sound(element, fail(kNotUnpacked)));
      } else if (element.name == "meta") {
        VTN_TRY(sound(element, read_meta(element)));
        has_meta = true;
      } else if (element.name == "tables" && has_meta) {
        VTN_TRY(sound(element, read_tables(element)));
        has_tables = true;
      } else if (element.name == "values" && has_tables) {
        VTN_TRY(sound(element, read_values(element)));
      }
    }
    if (!has_meta || !has_tables) {
      return fail(fmt::format("{} is no report of viztracer-native: it has no vtn-{}",
                              path_,
                              has_meta ? "tables" : "meta"));
    }
    if (!elements.whole() && !partial_) {
      return fail(fmt::format(
          "{} is cut short at offset {}: viztracer-native --recover {} -o OUT makes a report of "
          "what is there",
          path_,
          elements.offset(),
          path_));
    }
    if (!elements.whole()) {
      intake_.leave_out("end of the file is missing");
    }
    return {};
  }

  Status read_rest(ByteSource& source) {
    PageElements elements(source);
    PageElement element;
    for (;;) {
      VTN_ASSIGN(const bool there, elements.next(element, [](const std::string& name) {
        return name == "calls" || name == "marks" || name == "sources";
      }));
      if (!there) {
        return {};
      }
      VTN_TRY(sound(element,
                    !element.sound            ? Status(fail(kNotUnpacked))
                    : element.name == "calls" ? read_calls(element.content)
                    : element.name == "marks" ? read_marks(element)
                                              : read_sources(element)));
    }
  }

  const std::string& version() const { return version_; }

 private:
  void leave_out(const PageElement& element) {
    intake_.leave_out("elements vtn-" + element.name + " are damaged and are left out");
  }

  // A damaged element is an error, with its place, or is left out.
  Status sound(const PageElement& element, Status status) {
    if (status || status.error().code != 0) {
      return status;
    }
    if (partial_) {
      leave_out(element);
      return {};
    }
    return fail(
        fmt::format("{} is damaged at offset {}: {}; write the report again, or "
                    "viztracer-native --recover {} -o OUT makes one of the rest",
                    path_,
                    element.offset,
                    status.error().message,
                    path_));
  }

  Result<JsonValue> json_of(const PageElement& element) {
    if (auto value = JsonValue::parse(element.content)) {
      return std::move(*value);
    }
    return fail("what vtn-" + element.name + " holds is no JSON");
  }

  Status read_meta(const PageElement& element) {
    VTN_ASSIGN(const JsonValue meta, json_of(element));
    if (const int64_t format = meta["format"].integer(); format < 1 || format > kFormat) {
      return fail(
          fmt::format("{} is of format {}, this program reads format {}: use the "
                      "viztracer-native {} that wrote it",
                      path_,
                      format,
                      kFormat,
                      meta["version"].text()));
    }
    version_ = meta["version"].text();
    facts_.own = true;
    facts_.version = version_;
    facts_.command = meta["command"].text();
    facts_.has_status = read_exit(meta["exit"], facts_.wait_status);
    const std::string start = meta["start_unix_ns"].text();
    (void)std::from_chars(start.data(), start.data() + start.size(), facts_.realtime_base_ns);
    return {};
  }

  Status read_tables(const PageElement& element) {
    VTN_ASSIGN(const JsonValue tables, json_of(element));
    return tables_.read(tables, intake_, facts_);
  }

  Status read_values(const PageElement& element) {
    VTN_ASSIGN(const JsonValue values, json_of(element));
    const auto thread = static_cast<uint64_t>(values["thread"].integer());
    if (thread >= tables_.threads.size()) {
      return fail("values of a thread that is not there");
    }
    for (const JsonValue& call : values["calls"].elements()) {
      if (call.elements().size() < 5) {
        return fail("values of a call that are none");
      }
      const std::vector<JsonValue>& told = call.elements();
      std::vector<std::pair<std::string, std::string>>& arguments = value_texts_.emplace_back();
      for (const auto& [name, text] : told[3].members()) {
        arguments.emplace_back(name, text.text());
      }
      returned_.push_back(told[4].is_string() ? std::optional(told[4].text()) : std::nullopt);
      values_[{static_cast<uint32_t>(thread),
               static_cast<uint32_t>(told[0].integer()),
               static_cast<uint64_t>(told[1].integer())}] = {
          static_cast<uint32_t>(std::clamp<int64_t>(told[2].integer(), 0, 0xff'ffff)),
          value_texts_.size() - 1};
    }
    return {};
  }

  Status read_calls(std::string_view content) {
    while (!content.empty()) {
      VTN_TRY(block_.take(content, tables_.function_count(), tables_.sets));
      if (block_.thread >= tables_.threads.size()) {
        return fail("calls of a thread that is not there");
      }
      size_t row = 0;
      size_t fold = 0;
      for (const PageColumn& column : block_.columns) {
        for (uint32_t i = 0; i < column.rows; ++i, ++row) {
          const PageRow& one = block_.rows[row];
          const RowKey key = {block_.thread, column.depth, uint64_t{column.first} + i};
          if (tables_.is_of_spans[block_.thread]) {
            VTN_TRY(add_span(one, key));
          } else if (one.code >= tables_.function_count()) {
            VTN_TRY(add_fold(one, block_.folds[fold++]));
          } else {
            VTN_TRY(add_call(one, key));
          }
        }
      }
    }
    return {};
  }

  Status add_call(const PageRow& row, const RowKey& key) {
    Record record = {};
    record.thread = tables_.threads[key.thread];
    record.ns = row.start_ns;
    record.end_ns = row.end_ns;
    record.name = tables_.name(intake_, row.code, (row.flags & kRowResumed) != 0);
    record.unwound = (row.flags & kRowRaised) != 0 ? 1 : 0;
    record.kind =
        static_cast<uint32_t>((row.flags & kRowOpen) != 0 ? RecordKind::kBegin : RecordKind::kCall);
    payload_.clear();
    if (const auto told = values_.empty() ? values_.end() : values_.find(key);
        told != values_.end()) {
      record.line = told->second.line & 0xff'ffffu;
      arguments_.begin();
      for (const auto& [name, text] : value_texts_[told->second.text]) {
        arguments_.add(intake_, record.name, name, text);
      }
      returned_value_.clear();
      if (const auto& returned = returned_[told->second.text]) {
        append_text_value(returned_value_, *returned);
      }
      arguments_.finish(payload_, returned_value_);
    }
    return intake_.add(record, payload_);
  }

  // Rows of spans are no stack, and stay spans.
  Status add_span(const PageRow& row, const RowKey& key) {
    if (row.code >= tables_.function_count()) {
      return fail("a span that is a fold");
    }
    const bool open = (row.flags & kRowOpen) != 0;
    Record record = {};
    record.thread = tables_.threads[key.thread];
    record.ns = row.start_ns;
    record.name = intake_.name(NameUse::kSpan, tables_.text(row.code));
    record.kind = static_cast<uint32_t>(open ? RecordKind::kSpanBegin : RecordKind::kSpan);
    payload_.clear();
    if (!open) {
      append_value_name(payload_, "ticks");
      append_number_value(payload_, std::to_string(row.end_ns - row.start_ns));
    }
    if (const auto told = values_.find(key); told != values_.end()) {
      for (const auto& [name, text] : value_texts_[told->second.text]) {
        append_value_name(payload_, name);
        append_text_value(payload_, text);
      }
    }
    return intake_.add(record, payload_);
  }

  Status add_fold(const PageRow& row, const PageFold& fold) {
    if (folded_name_ == UINT32_MAX) {
      folded_name_ = intake_.name(NameUse::kCall, kFoldedCalls);
    }
    Record record = {};
    record.thread = tables_.threads[block_.thread];
    record.ns = row.start_ns;
    record.end_ns =
        row.start_ns + std::min(std::max<uint64_t>(fold.busy_ns, 1), row.end_ns - row.start_ns);
    record.name = folded_name_;
    record.kind = static_cast<uint32_t>(RecordKind::kCall);
    arguments_.begin();
    arguments_.add(intake_, folded_name_, "calls", std::to_string(fold.calls));
    arguments_.add(intake_, folded_name_, "exceptions", std::to_string(fold.raised));
    arguments_.add(intake_, folded_name_, "over_ns", std::to_string(row.end_ns - row.start_ns));
    payload_.clear();
    arguments_.finish(payload_, {});
    const std::vector<uint32_t>& set = tables_.sets[row.code - tables_.function_count()];
    for (size_t i = 0; i < set.size(); ++i) {
      intake_.folded[{intake_.threads[record.thread].pid, tables_.name(intake_, set[i], false)}] +=
          fold.of_function[i];
    }
    return intake_.add(record, payload_);
  }

  Status read_marks(const PageElement& element) {
    VTN_ASSIGN(const JsonValue marks, json_of(element));
    const auto thread = static_cast<uint64_t>(marks["thread"].integer());
    if (thread >= tables_.threads.size()) {
      return fail("marks of a thread that is not there");
    }
    Record record = {};
    record.thread = tables_.threads[thread];
    for (const JsonValue& mark : marks["instants"].elements()) {
      if (mark.elements().size() < 4) {
        return fail("an instant that is none");
      }
      const std::vector<JsonValue>& told = mark.elements();
      std::vector<std::pair<std::string, std::string>> values;
      for (const JsonValue& pair : told[3].elements()) {
        if (pair.elements().size() == 2) {
          values.emplace_back(pair.elements()[0].text(), pair.elements()[1].text());
        }
      }
      record.ns = static_cast<uint64_t>(std::max<int64_t>(told[0].integer(), 0));
      record.kind = static_cast<uint32_t>(RecordKind::kInstant);
      VTN_TRY(intake_.add_instant(record, told[1].text(), told[2].text(), values));
    }
    for (const JsonValue& counter : marks["counters"].elements()) {
      if (counter.elements().size() < 3) {
        return fail("a counter that is none");
      }
      const std::vector<JsonValue>& told = counter.elements();
      const size_t count = std::min(told[1].elements().size(), told[2].elements().size());
      record.name = intake_.name(NameUse::kCounter, told[0].text());
      record.kind = static_cast<uint32_t>(RecordKind::kCounter);
      for (size_t i = 0; i < count; ++i) {
        record.ns = static_cast<uint64_t>(std::max<int64_t>(told[1].elements()[i].integer(), 0));
        payload_.clear();
        append_value_name(payload_, "");
        append_number_value(payload_, told[2].elements()[i].scalar());
        VTN_TRY(intake_.add(record, payload_));
      }
    }
    return {};
  }

  Status read_sources(const PageElement& element) {
    VTN_ASSIGN(const JsonValue sources, json_of(element));
    for (const auto& [key, text] : sources.members()) {
      const auto file = integer_of(key);
      if (file && *file >= 0 && static_cast<size_t>(*file) < tables_.files.size()) {
        VTN_TRY(intake_.add_source(tables_.files[static_cast<size_t>(*file)], text.text()));
      }
    }
    return {};
  }

  struct Told {
    uint32_t line = 0;
    size_t text = 0;
  };

  const std::string& path_;
  Intake& intake_;
  Facts& facts_;
  bool partial_;
  std::string version_;
  PageTables tables_;
  PageBlock block_;
  std::unordered_map<RowKey, Told, RowKeyHash> values_;
  std::vector<std::vector<std::pair<std::string, std::string>>> value_texts_;
  std::vector<std::optional<std::string>> returned_;
  CallArguments arguments_;
  std::string payload_;
  std::string returned_value_;
  uint32_t folded_name_ = UINT32_MAX;
};

}  // namespace

Status read_page(UniqueFd fd,
                 const std::string& path,
                 Intake& intake,
                 Facts& facts,
                 std::string& who,
                 bool partial,
                 const std::function<bool()>& go_on) {
  VTN_ASSIGN(UniqueFd again, above_standard(UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0))));
  Page page(path, intake, facts, partial);
  {
    ByteSource source(std::move(fd), path, go_on);
    VTN_TRY(page.read_first(source));
  }
  who = "viztracer-native " + page.version();
  if (lseek(again.get(), 0, SEEK_SET) != 0) {
    return fail_errno("cannot read " + path + " twice");
  }
  ByteSource source(std::move(again), path, go_on);
  return page.read_rest(source);
}

}  // namespace vtn::importer

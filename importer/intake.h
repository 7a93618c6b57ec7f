// SPDX-License-Identifier: Apache-2.0
//
// What importers hand in, whatever the format: threads, names, and records of what happened, in any
// order. What there is no place for is counted and told of, never dropped silently. Thread-bound.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "importer/record_store.h"

namespace vtn::importer {

// What a name is used for: one text may be all of these.
enum class NameUse : uint8_t { kCall = 1, kInstant = 2, kCounter = 3, kSpan = 4 };

struct Name {
  NameUse use = NameUse::kCall;
  bool resumed = false;  // calls of it are what goes on of a generator's:
  uint32_t plain = 0;    // whose function is that name
  std::string text;      // as a report shows it
  std::string category;  // of marks
  // Names of arguments, in the order in which records have their values.
  std::vector<std::string> parameters;
};

// A row of the report that is imported.
struct ImportedThread {
  int64_t pid = 0;
  int64_t tid = 0;
  std::vector<std::string> names;  // that it was given; the last one counts
  bool has_records = false;
  bool has_drawn = false;  // records that may count as none (Record::drawn)
};

// Texts longer than this are cut, at a character.
inline constexpr size_t kMostNameBytes = size_t{1} << 20;

class Intake {
 public:
  explicit Intake(std::string folder, size_t run_records = RecordStore::kRunRecords)
      : store(std::move(folder), run_records) {}

  // The number of a thread, which is made where there is none yet.
  uint32_t thread(int64_t pid, int64_t tid);
  // The number of a name, likewise.
  uint32_t name(NameUse use,
                std::string_view text,
                std::string_view category = {},
                bool resumed = false);
  // Where the value of an argument stands among a call's; it is added where it is new.
  uint32_t parameter(uint32_t name, std::string_view parameter);

  Status add(const Record& record, std::string_view payload = {});
  // A mark; a name like "x = 3" is that of a mark called "x" whose own value is "3": there are as
  // many values as there are marks, but few names.
  Status add_instant(Record record,
                     std::string_view name,
                     std::string_view category,
                     const std::vector<std::pair<std::string, std::string>>& values);
  Status add_source(const std::string& path, std::string_view text);
  // "12 events of phase b": there is no place for them in a recording.
  void leave_out(const std::string& what, uint64_t count = 1) { left_out[what] += count; }

  RecordStore store;
  std::vector<ImportedThread> threads;
  std::vector<Name> names;
  std::map<int64_t, std::string> process_names;  // by pid
  // Where source text goes: it is not kept here.
  std::function<Status(const std::string& path, std::string_view text)> source;
  // Calls that are in no record, by pid and name: nobody knows when each of them was.
  std::map<std::pair<int64_t, uint32_t>, uint64_t> folded;
  std::vector<std::string> remarks;          // what else there is to be known
  std::map<std::string, uint64_t> left_out;  // what, how often
  uint64_t first_ns = UINT64_MAX;            // of all records
  uint64_t last_ns = 0;

 private:
  std::unordered_map<std::string, uint32_t> name_index_;
  std::unordered_map<uint64_t, std::vector<uint32_t>> thread_index_;
  uint32_t last_thread_ = UINT32_MAX;
  size_t marks_ = 0;  // names of instants
};

// Arguments of a call, in the order in which its function has them. Reused.
class CallArguments {
 public:
  void begin() { values_.clear(); }
  void add(Intake& intake, uint32_t name, std::string_view parameter, std::string_view text);
  // Appends the payload of the call; `returned`: a value, or nothing. Nothing if there is neither.
  void finish(std::string& payload, std::string_view returned);

 private:
  std::vector<std::pair<uint32_t, std::string>> values_;  // by place
  std::string bytes_;
};

// What a call is told by the time that it ends (RecordKind::kTold). Reused.
class ToldValues {
 public:
  void begin() { payload_.clear(); }
  void add(Intake& intake, std::string_view name, std::string_view text);
  // `record`: of the call's end. Not `ended`: it has none, and what follows is of its caller.
  Status finish(Intake& intake, Record record, bool ended) const;

 private:
  std::string payload_;
};

// Payloads of records (importer/record.h). A value is shown as the text is.
void append_text_value(std::string& to, std::string_view text);
// A number as it is written; whatever else counts as none.
void append_number_value(std::string& to, std::string_view text);
// The name of a value of a mark; the value follows.
void append_value_name(std::string& to, std::string_view name);

}  // namespace vtn::importer

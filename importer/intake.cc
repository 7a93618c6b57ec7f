// SPDX-License-Identifier: Apache-2.0
#include "importer/intake.h"

#include <algorithm>
#include <charconv>

#include "abi/event_abi.h"
#include "abi/value_abi.h"
#include "base/utf8.h"
#include "spool/format.h"
#include "spool/varint.h"

namespace vtn::importer {

namespace {

constexpr size_t kMostTextBytes = 0xffff;
constexpr size_t kMostParameters = 1000;  // of one function
constexpr size_t kMostMarkNames = size_t{1} << 16;
constexpr char kAnyMark[] = "mark";       // what further ones are called
constexpr char kOwnValueKey[] = "value";  // of a mark's own value, where reports show it

template <class T>
void append_raw(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void append_tag(std::string& to, ValueTag tag) { to += static_cast<char>(tag); }

uint32_t characters_of(std::string_view utf8) {
  return static_cast<uint32_t>(std::count_if(utf8.begin(), utf8.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
  }));
}

}  // namespace

uint32_t Intake::thread(int64_t pid, int64_t tid) {
  if (last_thread_ < threads.size() && threads[last_thread_].pid == pid &&
      threads[last_thread_].tid == tid) {
    return last_thread_;
  }
  std::vector<uint32_t>& same = thread_index_[static_cast<uint64_t>(pid) * 0x9e37'79b9'7f4a'7c15 +
                                              static_cast<uint64_t>(tid)];
  for (const uint32_t one : same) {
    if (threads[one].pid == pid && threads[one].tid == tid) {
      return last_thread_ = one;
    }
  }
  last_thread_ = static_cast<uint32_t>(threads.size());
  same.push_back(last_thread_);
  ImportedThread& made = threads.emplace_back();
  made.pid = pid;
  made.tid = tid;
  return last_thread_;
}

uint32_t Intake::name(NameUse use, std::string_view text, std::string_view category, bool resumed) {
  text = text.substr(0, utf8_fitting(text, kMostNameBytes));
  category = category.substr(0, utf8_fitting(category, kMostNameBytes));
  std::string key(1, static_cast<char>(static_cast<unsigned>(use) | (resumed ? 0x40u : 0u)));
  key += category;
  key += '\0';
  key += text;
  const auto [found, fresh] =
      name_index_.try_emplace(std::move(key), static_cast<uint32_t>(names.size()));
  if (fresh) {
    Name made;
    made.use = use;
    made.resumed = resumed;
    made.text = text;
    made.category = category;
    names.push_back(std::move(made));
    marks_ += use == NameUse::kInstant ? 1 : 0;
    if (resumed) {
      const uint32_t number = found->second;
      const uint32_t plain = this->name(use, text, category, false);
      names[number].plain = plain;
      return number;
    }
  }
  return found->second;
}

uint32_t Intake::parameter(uint32_t name, std::string_view parameter) {
  std::vector<std::string>& known = names[name].parameters;
  for (size_t i = 0; i < known.size(); ++i) {
    if (known[i] == parameter) {
      return static_cast<uint32_t>(i);
    }
  }
  known.emplace_back(parameter);
  return static_cast<uint32_t>(known.size() - 1);
}

Status Intake::add(const Record& record, std::string_view payload) {
  (record.drawn != 0 ? threads[record.thread].has_drawn : threads[record.thread].has_records) =
      true;
  first_ns = std::min(first_ns, record.ns);
  last_ns = std::max(
      last_ns, record.kind == static_cast<uint32_t>(RecordKind::kCall) ? record.end_ns : record.ns);
  return store.add(record, payload);
}

Status Intake::add_instant(Record record,
                           std::string_view name,
                           std::string_view category,
                           const std::vector<std::pair<std::string, std::string>>& values) {
  std::string payload;
  const size_t equals = name.find(" = ");
  std::string own(equals == name.npos ? std::string_view() : name.substr(equals + 3));
  std::string others;
  for (const auto& [key, value] : values) {
    // In the name it may have been cut, here it is whole.
    if (key == kOwnValueKey && !own.empty() &&
        (value == own || (own.ends_with("...") &&
                          value.starts_with(std::string_view(own).substr(0, own.size() - 3))))) {
      own = value;
      continue;
    }
    append_value_name(others, key);
    append_text_value(others, value);
  }
  bool has_own = equals != name.npos;
  if (marks_ >= kMostMarkNames && !has_own) {
    has_own = true;
    own = name;  // as many names as marks would fill the memory
    name = kAnyMark;
  }
  if (has_own) {
    append_value_name(payload, "");
    append_text_value(payload, own);
    name = name.substr(0, equals);
  }
  payload += others;
  const bool plain = category == "instant" || category == "INSTANT";
  record.name = this->name(NameUse::kInstant, name, plain ? "" : category);
  return add(record, payload);
}

Status Intake::add_source(const std::string& path, std::string_view text) {
  if (text.size() > spool::kMaxSourceBytes || path.size() > UINT16_MAX) {
    leave_out("source files of more than 64 MB are left out");
    return {};
  }
  return source && !text.empty() ? source(path, text) : Status();
}

void CallArguments::add(Intake& intake,
                        uint32_t name,
                        std::string_view parameter,
                        std::string_view text) {
  if (intake.names[name].parameters.size() >= kMostParameters ||
      parameter.find('\0') != parameter.npos) {
    intake.leave_out("arguments beyond a thousand of one function are left out");
    return;
  }
  std::string value;
  append_text_value(value, text);
  values_.emplace_back(intake.parameter(name, parameter), std::move(value));
}

void CallArguments::finish(std::string& payload, std::string_view returned) {
  if (values_.empty() && returned.empty()) {
    return;
  }
  std::stable_sort(values_.begin(), values_.end(), [](const auto& a, const auto& b) {
    return a.first < b.first;
  });
  bytes_.clear();
  uint32_t count = 0;
  for (const auto& [place, value] : values_) {
    if (place + 1 == count) {
      continue;  // the same key twice
    }
    for (; count < place; ++count) {
      append_tag(bytes_, ValueTag::kUnbound);
    }
    bytes_ += value;
    ++count;
  }
  spool::append_varint(payload, count);
  spool::append_varint(payload, bytes_.size());
  payload += bytes_;
  payload += returned;
}

void ToldValues::add(Intake& intake, std::string_view name, std::string_view text) {
  const size_t before = payload_.size();
  append_value_name(payload_, name);
  append_text_value(payload_, text);
  if (payload_.size() > kMaxNoteBytes) {
    payload_.resize(before);
    intake.leave_out("arguments of ends are more than a call has room for, and are left out");
  }
}

Status ToldValues::finish(Intake& intake, Record record, bool ended) const {
  record.kind = static_cast<uint32_t>(RecordKind::kTold);
  record.unwound = ended ? 0 : 1;
  return ended && payload_.empty() ? Status() : intake.add(record, payload_);
}

void append_text_value(std::string& to, std::string_view text) {
  append_tag(to, ValueTag::kRepr);
  append_raw(to, characters_of(text));
  append_value_name(to, text);
}

void append_number_value(std::string& to, std::string_view text) {
  const char* const end = text.data() + text.size();
  int64_t whole = 0;
  if (const auto read = std::from_chars(text.data(), end, whole);
      read.ec == std::errc() && read.ptr == end) {
    append_tag(to, ValueTag::kInt);
    append_raw(to, whole);
    return;
  }
  double real = 0;
  if (const auto read = std::from_chars(text.data(), end, real);
      read.ec == std::errc() && read.ptr == end) {
    append_tag(to, ValueTag::kFloat);
    append_raw(to, real);
    return;
  }
  append_tag(to, ValueTag::kNone);
}

void append_value_name(std::string& to, std::string_view name) {
  const std::string_view kept = name.substr(0, utf8_fitting(name, kMostTextBytes));
  append_raw(to, static_cast<uint16_t>(kept.size()));
  to += kept;
}

}  // namespace vtn::importer

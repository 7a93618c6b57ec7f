// SPDX-License-Identifier: Apache-2.0
#include "importer/json/events.h"

#include <algorithm>

namespace vtn::importer {

namespace {

constexpr int64_t kFirstTextId = int64_t{1} << 40;
constexpr char kFunctionArguments[] = "func_args";
constexpr char kReturnValue[] = "return_value";
constexpr char kCallerLine[] = "caller_lineno";
constexpr char kUnfinished[] = "unfinished";
constexpr char kFoldedFunctions[] = "functions";
constexpr char kOwnValue[] = "value";  // of a counter that has one series
constexpr std::string_view kTreeCategory = "process";
constexpr std::string_view kThreadCategory = "thread";
constexpr std::string_view kFoldedCategory = "folded";
constexpr std::string_view kRenamed = "thread renamed: ";

// A value as text: of a string what it says, else as it stands.
std::string shown(std::string_view raw) {
  if (raw.size() >= 2 && raw.front() == '"') {
    return unescaped(raw.substr(1, raw.size() - 2));
  }
  return std::string(raw);
}

// Walks the members of an object; args may be anything, and "null" has none.
template <class Each>
void each_member(std::string_view object, Each&& each) {
  if (!object.starts_with('{')) {
    return;
  }
  // The text was read once, so it makes sense and the braces end it.
  JsonCursor from = {object.data() + 1, object.data() + object.size()};
  bool first = true;
  std::string_view key;
  std::string_view value;
  while (from.member(first, key)) {
    if (!from.value(value)) {
      return;
    }
    each(key, value);
  }
}

uint32_t line_of(std::string_view raw) {
  const auto line = integer_of(raw);
  return line && *line > 0 ? static_cast<uint32_t>(std::min<int64_t>(*line, 0xff'ffff)) : 0;
}

// Reports of ours and VizTracer's have all of a call's in one member.
template <class Take>
void each_argument(std::string_view key, std::string_view value, const Take& take) {
  if (key == kFunctionArguments && value.starts_with('{')) {
    each_member(value, take);
  } else {
    take(key, value);
  }
}

}  // namespace

bool JsonEvents::read(JsonCursor& from, JsonEvent& event) {
  if (!from.expect('{')) {
    return false;
  }
  event = {};
  bool first = true;
  std::string_view key;
  std::string_view value;
  while (from.member(first, key)) {
    from.skip_space();
    if (!from.value(value)) {
      return false;
    }
    const bool quoted = value.front() == '"';
    const std::string_view inside = quoted ? value.substr(1, value.size() - 2) : value;
    switch (key.size()) {
      case 2:
        if (key == "ph") {
          event.phase = inside.size() == 1 ? inside.front() : '?';
        } else if (key == "ts") {
          event.ts = inside;
        } else if (key == "id") {
          event.id = value;
        }
        break;
      case 3:
        if (key == "pid") {
          event.pid = value;
        } else if (key == "tid") {
          event.tid = value;
        } else if (key == "dur") {
          event.dur = inside;
        } else if (key == "cat") {
          event.category = inside;
        }
        break;
      case 4:
        if (key == "name") {
          event.name = inside;
        } else if (key == "args") {
          event.args = value;
        }
        break;
      case 7:
        event.resumed = event.resumed || (key == "resumed" && value == "true");
        break;
      case 13:
        if (key == kCallerLine) {
          event.lineno = value;
        }
        break;
      default:
        break;
    }
  }
  return !from.failed;
}

// Numbers of processes and threads; texts, which some writers have there, get numbers of ours.
int64_t JsonEvents::identity(std::string_view raw, bool& known) {
  known = !raw.empty();
  if (const auto number = integer_of(raw)) {
    return *number;
  }
  if (!known) {
    return 0;
  }
  return text_ids_
      .try_emplace(std::string(raw), kFirstTextId + static_cast<int64_t>(text_ids_.size()))
      .first->second;
}

bool JsonEvents::row_of(const JsonEvent& event, uint32_t& thread) {
  if (event.pid == last_pid_ && event.tid == last_tid_ && last_thread_ != UINT32_MAX) {
    thread = last_thread_;
    return true;
  }
  bool has_pid = false;
  bool has_tid = false;
  const int64_t pid = identity(event.pid, has_pid);
  const int64_t tid = identity(event.tid, has_tid);
  if (!has_pid && !has_tid) {
    return false;
  }
  thread = last_thread_ = intake_.thread(has_pid ? pid : 0, has_tid ? tid : pid);
  last_pid_ = event.pid;
  last_tid_ = event.tid;
  return true;
}

uint32_t JsonEvents::call_name(const JsonEvent& event) {
  Cache& cache = event.resumed ? resumed_names_ : call_names_;
  if (const uint32_t* known = cache.find(event.name)) {
    return *known;
  }
  const std::string text = event.name.empty() ? "(no name)" : unescaped(event.name);
  const uint32_t name = intake_.name(NameUse::kCall, text, {}, event.resumed);
  cache.add(event.name, name);
  return name;
}

// Arguments, then what was returned.
void JsonEvents::call_payload(std::string_view args, Record& record, bool fold, bool& unfinished) {
  payload_.clear();
  returned_.clear();
  arguments_.begin();
  const auto argument = [&](std::string_view key, std::string_view value) {
    arguments_.add(intake_, record.name, unescaped(key), shown(value));
  };
  each_member(args, [&](std::string_view key, std::string_view value) {
    if (key == kReturnValue) {
      append_text_value(returned_, shown(value));
    } else if (key == kCallerLine) {
      record.line = line_of(value) & 0xff'ffffu;
    } else if (key == kUnfinished && value == "true") {
      unfinished = true;
    } else if (fold && key == kFoldedFunctions) {
      count_folded(value, record.thread);
    } else {
      each_argument(key, value, argument);
    }
  });
  arguments_.finish(payload_, returned_);
}

// Of a fold: calls that no event tells of.
void JsonEvents::count_folded(std::string_view functions, uint32_t thread) {
  const int64_t pid = intake_.threads[thread].pid;
  each_member(functions, [&](std::string_view key, std::string_view value) {
    if (const auto calls = integer_of(value); calls && *calls > 0) {
      intake_.folded[{pid, intake_.name(NameUse::kCall, unescaped(key))}] +=
          static_cast<uint64_t>(*calls);
    }
  });
}

Status JsonEvents::call(const JsonEvent& event, Record record) {
  record.name = call_name(event);
  bool unfinished = false;
  if (event.args.size() > 2) {
    call_payload(event.args, record, event.category == kFoldedCategory, unfinished);
  } else {
    payload_.clear();
  }
  if (!event.lineno.empty()) {
    record.line = line_of(event.lineno) & 0xff'ffffu;
  }
  if (event.phase == 'B' || unfinished) {
    record.kind = static_cast<uint32_t>(RecordKind::kBegin);
    return intake_.add(record, payload_);
  }
  const auto took_ns = nanoseconds_of(event.dur);
  if (!took_ns) {
    intake_.leave_out("calls have no duration that makes sense: they begin, and never end");
    record.kind = static_cast<uint32_t>(RecordKind::kBegin);
    return intake_.add(record, payload_);
  }
  record.kind = static_cast<uint32_t>(RecordKind::kCall);
  record.end_ns = record.ns + *took_ns;
  return intake_.add(record, payload_);
}

Status JsonEvents::mark(const JsonEvent& event, Record record) {
  record.kind = static_cast<uint32_t>(RecordKind::kInstant);
  std::vector<std::pair<std::string, std::string>> values;
  const bool object = event.phase == 'N' || event.phase == 'O' || event.phase == 'D';
  if (object) {
    values.emplace_back("event",
                        event.phase == 'N'   ? "created"
                        : event.phase == 'D' ? "deleted"
                                             : "snapshot");
    if (!event.id.empty()) {
      values.emplace_back("id", shown(event.id));
    }
  }
  each_member(event.args, [&](std::string_view key, std::string_view value) {
    values.emplace_back(unescaped(key), shown(value));
  });
  return intake_.add_instant(
      record, unescaped(event.name), object ? "object" : unescaped(event.category), values);
}

Status JsonEvents::counter(const JsonEvent& event, Record record) {
  record.kind = static_cast<uint32_t>(RecordKind::kCounter);
  const std::string name = unescaped(event.name);
  Status status;
  each_member(event.args, [&](std::string_view raw_key, std::string_view value) {
    const std::string key = unescaped(raw_key);
    payload_.clear();
    append_value_name(payload_, "");
    append_number_value(payload_, value);
    record.name =
        intake_.name(NameUse::kCounter, key == kOwnValue || key == name ? name : name + "." + key);
    if (status) {
      status = intake_.add(record, payload_);
    }
  });
  return status;
}

Status JsonEvents::end(const JsonEvent& event, Record record) {
  record.kind = static_cast<uint32_t>(RecordKind::kEnd);
  returned_.clear();
  told_.begin();
  const auto argument = [&](std::string_view key, std::string_view value) {
    told_.add(intake_, unescaped(key), shown(value));
  };
  each_member(event.args, [&](std::string_view key, std::string_view value) {
    if (key == kReturnValue) {
      append_text_value(returned_, shown(value));
    } else {
      each_argument(key, value, argument);
    }
  });
  VTN_TRY(told_.finish(intake_, record, true));
  return intake_.add(record, returned_);
}

void JsonEvents::metadata(const JsonEvent& event) {
  std::string name;
  each_member(event.args, [&](std::string_view key, std::string_view value) {
    if (key == "name") {
      name = shown(value);
    }
  });
  uint32_t thread = 0;
  if (!row_of(event, thread)) {
    return;
  }
  if (event.name == "process_name") {
    intake_.process_names[intake_.threads[thread].pid] = name;
  } else if (event.name == "thread_name") {
    intake_.threads[thread].names.push_back(name);
  }
}

Status JsonEvents::take(const JsonEvent& event) {
  if (event.phase == 'M') {
    metadata(event);
    return {};
  }
  static constexpr std::string_view kKnown = "XBEiIRCNOD";
  if (kKnown.find(event.phase) == kKnown.npos) {
    if (event.phase == 's' || event.phase == 't' || event.phase == 'f') {
      if (event.category != kTreeCategory) {
        intake_.leave_out(
            "ends of flow arrows are left out: a recording has those of processes only");
      }
    } else {
      intake_.leave_out(event.phase == '\0'
                            ? std::string("events have no phase and are left out")
                            : std::string("events of phase ") + event.phase + " are left out");
    }
    return {};
  }
  Record record = {};
  if (!row_of(event, record.thread)) {
    intake_.leave_out("events name neither process nor thread and are left out");
    return {};
  }
  const auto ns = nanoseconds_of(event.ts);
  if (!ns) {
    intake_.leave_out("events have no time, or none that makes sense, and are left out");
    return {};
  }
  record.ns = record.end_ns = *ns;
  if (event.category == kTreeCategory) {
    int64_t started = -1;
    each_member(event.args, [&](std::string_view key, std::string_view value) {
      started = key == "pid" ? integer_of(value).value_or(-1) : started;
    });
    drawn_.push_back({record.thread, event.phase, record.ns, started});
    record.drawn = 1;
  }
  switch (event.phase) {
    case 'X':
    case 'B':
      return call(event, record);
    case 'E':
      return end(event, record);
    case 'C':
      return counter(event, record);
    default:
      if (event.category == kThreadCategory && event.name.starts_with(kRenamed)) {
        record.kind = static_cast<uint32_t>(RecordKind::kRenamed);
        return intake_.add(record, unescaped(event.name.substr(kRenamed.size())));
      }
      return mark(event, record);
  }
}

}  // namespace vtn::importer

// SPDX-License-Identifier: Apache-2.0
#include "importer/json/document.h"

#include <fmt/format.h>

#include "importer/json/events.h"
#include "importer/json/input.h"
#include "importer/json/ledger.h"
#include "importer/json/value.h"

namespace vtn::importer {

namespace {

class Document {
 public:
  Document(JsonInput& input, Intake& intake, Facts& facts)
      : input_(input), intake_(intake), facts_(facts), events_(intake) {}

  Status read() {
    VTN_ASSIGN(const char first, input_.peek());
    if (first == '[') {
      return events();
    }
    if (first != '{') {
      return wrong("this is no trace: it begins neither with an array of events nor an object");
    }
    return object();
  }

  // What stands beside the events. Whatever is damaged there costs that only.
  std::string use_metadata() {
    std::string who;
    const auto viztracer = JsonValue::parse(viztracer_);
    const auto ours = JsonValue::parse(ours_);
    if (viztracer) {
      const std::string version = (*viztracer)["version"].text();
      who = (ours ? "viztracer-native " : "VizTracer ") + version;
      facts_.version = version;
      facts_.overflow = (*viztracer)["overflow"].boolean();
      const int64_t base = (*viztracer)["baseTimeNanoseconds"].integer();
      facts_.realtime_base_ns = base > 0 ? static_cast<uint64_t>(base) : 0;
    }
    if (ours) {
      read_ledger(*ours, events_.drawn(), intake_, facts_);
    }
    return who;
  }
  bool has_events() const { return has_events_; }

 private:
  tl::unexpected<Error> wrong(const std::string& what) {
    return fail(fmt::format("{} is damaged at offset {}{}: {}",
                            input_.path(),
                            input_.offset(),
                            input_.gzip() ? " of what is compressed" : "",
                            what));
  }
  tl::unexpected<Error> cut() {
    return fail(fmt::format(
        "{} is cut short at offset {}: viztracer-native --recover {} -o OUT makes a report of what "
        "is there",
        input_.path(),
        input_.offset(),
        input_.path()));
  }

  // Calls read(cursor) until it succeeds, with more text each time.
  template <class Read>
  Status piece(const char* what, Read&& read) {
    for (;;) {
      VTN_ASSIGN(const char next, input_.peek());
      JsonCursor cursor = input_.cursor();
      if (next != '\0' && read(cursor) && !cursor.failed) {
        input_.take(cursor);
        return {};
      }
      if (next != '\0' && cursor.at < cursor.end) {
        const uint64_t offset = input_.offset_of(cursor.at);
        return fail(fmt::format("{} is damaged at offset {}{}: {} makes no sense there",
                                input_.path(),
                                offset,
                                input_.gzip() ? " of what is compressed" : "",
                                what));
      }
      VTN_ASSIGN(const bool more_text, input_.more());
      if (!more_text) {
        return cut();
      }
    }
  }

  // One byte of punctuation. False: another one is there, which is not taken.
  Result<bool> take(char wanted) {
    VTN_ASSIGN(const char next, input_.peek());
    if (next != wanted) {
      return false;
    }
    JsonCursor cursor = input_.cursor();
    ++cursor.at;
    input_.take(cursor);
    return true;
  }

  Status events() {
    has_events_ = true;
    VTN_ASSIGN(bool there, take('['));
    if (!there) {
      return wrong("the events are no array");
    }
    for (bool first = true;; first = false) {
      // Commas one too many, or none, harm nobody.
      VTN_ASSIGN(there, take(','));
      VTN_ASSIGN(const char next, input_.peek());
      if (next == ']') {
        VTN_ASSIGN(there, take(']'));
        return {};
      }
      if (next == '\0') {
        return in_object_ ? Status(cut()) : Status();  // an array may lack its end
      }
      if (next != '{' || (!first && !there)) {
        return wrong("an event makes no sense there");
      }
      VTN_TRY(some_events());
    }
  }

  // As many events as are whole in the window; one at least.
  Status some_events() {
    JsonEvent event;
    for (bool first = true;; first = false) {
      JsonCursor cursor = input_.cursor();
      if (!first && !cursor.take(',')) {
        return {};
      }
      cursor.skip_space();
      if (!first && *cursor.at != '{') {
        return {};
      }
      if (!JsonEvents::read(cursor, event)) {
        if (!first) {
          return {};
        }
        VTN_TRY(piece("an event", [&](JsonCursor& from) { return JsonEvents::read(from, event); }));
        VTN_TRY(events_.take(event));
        continue;
      }
      VTN_TRY(events_.take(event));
      input_.take(cursor);
    }
  }

  Status object() {
    in_object_ = true;
    VTN_TRY(take('{'));
    return each_member([&](const std::string& key) { return member(key); });
  }

  Status member(const std::string& key) {
    if (key == "traceEvents") {
      return events();
    }
    if (key == "file_info") {
      return file_info();
    }
    std::string* const kept = key == "viztracer_metadata" ? &viztracer_
                              : key == "viztracer_native" ? &ours_
                                                          : nullptr;
    return piece("a value", [&](JsonCursor& from) {
      std::string_view raw;
      if (!from.value(raw)) {
        return false;
      }
      if (kept != nullptr) {
        *kept = raw;
      }
      return true;
    });
  }

  // Source text is read file by file.
  Status file_info() {
    VTN_ASSIGN(bool there, take('{'));
    if (!there) {
      return piece("a value", [](JsonCursor& from) {
        std::string_view raw;
        return from.value(raw);
      });
    }
    return each_member([&](const std::string& key) -> Status {
      VTN_ASSIGN(const char next, input_.peek());
      if (key != "files" || next != '{') {
        return piece("a value", [](JsonCursor& from) {
          std::string_view raw;
          return from.value(raw);
        });
      }
      VTN_ASSIGN(there, take('{'));
      return each_member([&](const std::string& path) { return source(path); });
    });
  }

  template <class Each>
  Status each_member(Each&& each) {
    for (bool first = true;; first = false) {
      VTN_ASSIGN(bool there, take('}'));
      if (there) {
        return {};
      }
      if (!first) {
        VTN_ASSIGN(there, take(','));
      }
      std::string key;
      VTN_TRY(piece("a key", [&](JsonCursor& from) {
        std::string_view raw;
        if (!from.string(raw) || !from.expect(':')) {
          return false;
        }
        key = unescaped(raw);
        return true;
      }));
      VTN_TRY(each(key));
    }
  }

  // ["text", lines]
  Status source(const std::string& path) {
    std::string text;
    VTN_TRY(piece("source text", [&](JsonCursor& from) {
      std::string_view raw;
      if (!from.value(raw)) {
        return false;
      }
      JsonCursor inside = {raw.data() + 1, raw.data() + raw.size()};
      text = raw.front() == '[' && inside.string(raw) ? unescaped(raw) : "";
      return true;
    }));
    return intake_.add_source(path, text);
  }

  JsonInput& input_;
  Intake& intake_;
  Facts& facts_;
  JsonEvents events_;
  bool in_object_ = false;
  bool has_events_ = false;
  std::string viztracer_;
  std::string ours_;
};

}  // namespace

Status read_json_trace(
    ByteSource& source, Intake& intake, Facts& facts, std::string& who, bool partial) {
  JsonInput input(source);
  Document document(input, intake, facts);
  if (Status read = document.read(); !read) {
    if (!partial || !document.has_events()) {
      return read;
    }
    intake.leave_out("end of the file is missing: " + read.error().message);
  }
  if (!document.has_events()) {
    return fail(fmt::format("{} holds no trace: it has no traceEvents", source.path()));
  }
  who = document.use_metadata();
  return {};
}

}  // namespace vtn::importer

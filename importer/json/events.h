// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. Trace events of Chrome's JSON, as VizTracer and we write them, into records.
// Thread-bound.
//
//   X              a call; args: func_args, return_value, caller_lineno, unfinished; what else
//                  there is counts as arguments. Of the category "folded": calls that were put
//                  together; how many of which function is in args.functions
//   B, E           begin and end of a call
//   i, I, R        an instant
//   C              a counter for each series
//   M              names of processes and threads
//   N, O, D        an object was made, is like this, is gone: instants
//   s, t, f        flows: only counted, arrows are made of the process tree
//   any other      only counted
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "importer/intake.h"
#include "importer/json/text.h"

namespace vtn::importer {

// Members of an event, as they stand in the text.
struct JsonEvent {
  std::string_view name;  // the insides of strings
  std::string_view category;
  std::string_view scope;
  std::string_view ts;  // numbers; or strings in quotes
  std::string_view dur;
  std::string_view pid;
  std::string_view tid;
  std::string_view args;    // an object
  std::string_view id;      // any value
  std::string_view lineno;  // "caller_lineno"
  bool resumed = false;
  char phase = '\0';
};

class JsonEvents {
 public:
  explicit JsonEvents(Intake& intake) : intake_(intake) {}

  // Reads an object. Failed as a cursor does: nothing was taken in.
  static bool read(JsonCursor& from, JsonEvent& event);
  Status take(const JsonEvent& event);

  // Events that, in files of ours, draw the process tree, which is told otherwise there as well.
  struct Drawn {
    uint32_t thread;
    char phase;
    uint64_t ns;
    int64_t pid;  // that was started; -1: none
  };
  const std::vector<Drawn>& drawn() const { return drawn_; }

 private:
  // Finds what has been seen before by how it is written.
  class Cache {
   public:
    uint32_t* find(std::string_view raw) {
      const auto found = numbers_.find(std::string_view(raw));
      return found == numbers_.end() ? nullptr : &found->second;
    }
    void add(std::string_view raw, uint32_t number) { numbers_.emplace(std::string(raw), number); }

   private:
    struct Hash {
      using is_transparent = void;
      size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>> numbers_;
  };

  uint32_t call_name(const JsonEvent& event);
  int64_t identity(std::string_view raw, bool& known);
  bool row_of(const JsonEvent& event, uint32_t& thread);
  Status call(const JsonEvent& event, Record record);
  Status mark(const JsonEvent& event, Record record);
  Status counter(const JsonEvent& event, Record record);
  Status end(const JsonEvent& event, Record record);
  void metadata(const JsonEvent& event);
  void call_payload(std::string_view args, Record& record, bool fold, bool& unfinished);
  void count_folded(std::string_view functions, uint32_t thread);

  Intake& intake_;
  Cache call_names_;
  Cache resumed_names_;
  std::unordered_map<std::string, int64_t> text_ids_;
  std::string last_pid_;
  std::string last_tid_;
  uint32_t last_thread_ = UINT32_MAX;
  std::string payload_;
  std::string returned_;
  CallArguments arguments_;
  ToldValues told_;
  std::vector<Drawn> drawn_;
};

}  // namespace vtn::importer

// SPDX-License-Identifier: Apache-2.0
#include "debugger/call_tree.h"

#include <algorithm>

#include "debugger/texts.h"
#include "debugger/times.h"

namespace vtn::debugger {

namespace {

constexpr uint32_t kMostIndent = 40;

class Tree {
 public:
  Tree(Debugger& debugger, uint32_t depth, uint64_t lines)
      : debugger_(debugger), timeline_(debugger.timeline()), depth_(depth), lines_(lines) {}

  Result<std::string> of(const std::optional<uint32_t>& level) {
    uint64_t at = 0;
    uint64_t end = timeline_.ops();
    if (level) {
      const uint64_t place = debugger_.cursor.place();
      VTN_ASSIGN(const Timeline::OpenCall call, timeline_.open_call(place, *level));
      VTN_ASSIGN(const auto ends, timeline_.end_of(place, *level));
      VTN_ASSIGN(const std::string name, open_call_text(debugger_, call));
      VTN_TRY(add(name, call.start_ns, ends));
      at = call.begin ? *call.begin + 1 : 0;
      end = ends ? *ends : end;
      base_ = *level + 1;
    }
    VTN_TRY(walk(at, end));
    return std::move(text_);
  }

 private:
  // Each call that begins in between and is not too deep; over those that are.
  Status walk(uint64_t at, uint64_t end) {
    while (at < end) {
      VTN_ASSIGN(const Timeline::Spot spot, timeline_.spot(at));
      const Op& op = spot.op();
      if (!begins(op.kind)) {
        ++at;
        continue;
      }
      const uint32_t below = op.depth > base_ ? op.depth - base_ : 0;
      VTN_ASSIGN(const auto ends, timeline_.end_of(at + 1, op.depth - 1));
      std::string name;
      if (op.kind == OpKind::kCall) {
        VTN_ASSIGN(const uint64_t number, timeline_.number_at(at));
        name = call_id_text(debugger_, timeline_.thread(), number) + " ";
      }
      if (written_ == lines_) {
        text_ += "... it goes on with " + name + "('tree DEPTH LINES' shows more)\n";
        return {};
      }
      VTN_ASSIGN(const std::string function, name_of_begin(timeline_, at));
      std::string indent(2 * std::min<uint32_t>(below, kMostIndent), ' ');
      VTN_TRY(add(indent + name + function, op.ns, ends));
      if (below < depth_) {
        ++at;
      } else {
        at = ends ? *ends + 1 : end;
      }
    }
    return {};
  }

  Status add(const std::string& what, uint64_t start_ns, const std::optional<uint64_t>& end) {
    text_ += what;
    if (end) {
      VTN_ASSIGN(const Op op, timeline_.op(*end));
      text_ += ", " + time_text(op.ns - start_ns);
    } else {
      text_ += ", never ended";
    }
    text_ += "\n";
    ++written_;
    return {};
  }

  Debugger& debugger_;
  Timeline& timeline_;
  const uint32_t depth_;
  const uint64_t lines_;
  uint32_t base_ = 1;  // calls open around those at the margin, and one
  uint64_t written_ = 0;
  std::string text_;
};

}  // namespace

Result<std::string> call_tree(Debugger& debugger, uint32_t depth, uint64_t lines) {
  VTN_ASSIGN(const auto level, debugger.level());
  return Tree(debugger, depth, lines).of(level);
}

}  // namespace vtn::debugger

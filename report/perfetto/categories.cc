// SPDX-License-Identifier: Apache-2.0
#include "report/perfetto/categories.h"

#include "report/perfetto/fields.h"

namespace vtn::report {

using namespace perfetto;  // field numbers

namespace {

constexpr const char* kNames[] = {
    "python", "c", "class", "instance", "thread", "process", "folded"};
constexpr uint32_t kFirstGiven = 1 + sizeof(kNames) / sizeof(kNames[0]);

ProtoMessage entry(uint32_t iid, std::string_view name) {
  return ProtoMessage().number(kInternedId, iid).bytes(kInternedText, name);
}

std::string all_of_ours() {
  ProtoMessage interned;
  for (uint32_t iid = 1; iid < kFirstGiven; ++iid) {
    interned.message(kInternedCategory, entry(iid, kNames[iid - 1]));
  }
  return std::string(interned.view());
}

}  // namespace

uint32_t category_iid(const spool::FunctionInfo* function) {
  if (function != nullptr && function->kind == FunctionKind::kFold) {
    return static_cast<uint32_t>(PerfettoCategory::kFolded);
  }
  const auto kind = function == nullptr ? 0u : static_cast<uint32_t>(function->kind);
  return kind <= static_cast<uint32_t>(PerfettoCategory::kInstanceCall) ? kind : 0;
}

const std::string& Categories::start() {
  static const std::string ours = all_of_ours();
  given_.clear();
  return ours;
}

void Categories::set(ProtoMessage& event, std::string_view category, ProtoMessage& packet) {
  if (category.empty()) {
    return;
  }
  auto found = given_.find(category);
  if (found == given_.end()) {
    const auto iid = kFirstGiven + static_cast<uint32_t>(given_.size());
    found = given_.emplace(category, iid).first;
    packet.message(kInternedData, ProtoMessage().message(kInternedCategory, entry(iid, category)));
  }
  event.number(kEventCategoryIid, found->second);
}

}  // namespace vtn::report

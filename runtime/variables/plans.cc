// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/plans.h"

#include <string.h>

#include "base/freestanding/lock.h"
#include "base/freestanding/pages.h"
#include "runtime/entry/interpreters.h"
#include "runtime/entry/process.h"

namespace vtn::runtime {

namespace {

// Blocks of 64 bytes to 32 KiB, by powers of two; what is larger has pages of its own.
constexpr unsigned kSmallestBits = 6;
constexpr unsigned kLargestBits = 15;
constexpr size_t kSlabBytes = 64 * 1024;

struct FreeBlock {
  FreeBlock* next;
};

struct {
  FreeBlock* free[kLargestBits + 1];
  CodePlan* with_events;
} g_plans;

unsigned class_of(size_t bytes) {
  unsigned bits = kSmallestBits;
  while (bits <= kLargestBits && (size_t{1} << bits) < bytes) {
    ++bits;
  }
  return bits;
}

void* take_block(size_t bytes) {
  const unsigned bits = class_of(bytes);
  if (bits > kLargestBits) {
    return map_pages(bytes);
  }
  const WordLock lock(&runtime_root()->plans_lock);
  FreeBlock*& free = g_plans.free[bits];
  if (free == nullptr) {
    auto* const slab = static_cast<char*>(map_pages(kSlabBytes));
    for (size_t at = 0; slab != nullptr && at < kSlabBytes; at += size_t{1} << bits) {
      auto* const block = reinterpret_cast<FreeBlock*>(slab + at);
      block->next = free;
      free = block;
    }
  }
  FreeBlock* const block = free;
  if (block != nullptr) {
    free = block->next;
    memset(static_cast<void*>(block), 0, bytes);
  }
  return block;
}

void give_block(void* block, size_t bytes) {
  const unsigned bits = class_of(bytes);
  if (bits > kLargestBits) {
    unmap_pages(block, bytes);
    return;
  }
  const WordLock lock(&runtime_root()->plans_lock);
  auto* const free = static_cast<FreeBlock*>(block);
  free->next = g_plans.free[bits];
  g_plans.free[bits] = free;
}

}  // namespace

CodePlan* make_plan(PyObject* code, const PlanParts& parts) {
  const size_t bytes = sizeof(CodePlan) + parts.comment_count * sizeof(LoggedComment) +
                       parts.parameter_count * sizeof(LoggedParameter) +
                       parts.store_count * sizeof(LoggedStore) +
                       parts.point_count * sizeof(LoggedPoint);
  auto* const plan = static_cast<CodePlan*>(take_block(bytes));
  if (plan == nullptr) {
    return nullptr;
  }
  plan->code = code;
  plan->interpreter = interpreter_id(current_interpreter());
  plan->bytes = static_cast<uint32_t>(bytes);
  plan->entry = parts.entry;
  plan->variables = parts.variables;
  plan->comment_count = parts.comment_count;
  plan->parameter_count = parts.parameter_count;
  plan->store_count = parts.store_count;
  plan->point_count = parts.point_count;
  const auto copy = [](auto* to, const auto* from, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      to[i] = from[i];
    }
  };
  copy(plan->comments(), parts.comments, parts.comment_count);
  copy(plan->parameters(), parts.parameters, parts.parameter_count);
  copy(plan->stores(), parts.stores, parts.store_count);
  copy(plan->points(), parts.points, parts.point_count);
  for (uint32_t i = 0; i < parts.point_count; ++i) {
    plan->notes_ways = plan->notes_ways || parts.points[i].comment == kNoComment;
  }
  return plan;
}

void list_plan(CodePlan* plan) {
  const WordLock lock(&runtime_root()->plans_lock);
  plan->has_events = true;
  plan->previous = nullptr;
  plan->next = g_plans.with_events;
  if (plan->next != nullptr) {
    plan->next->previous = plan;
  }
  g_plans.with_events = plan;
}

void free_plan(CodePlan* plan) {
  if (plan == nullptr) {
    return;
  }
  if (plan->has_events) {
    const WordLock lock(&runtime_root()->plans_lock);
    (plan->previous == nullptr ? g_plans.with_events : plan->previous->next) = plan->next;
    if (plan->next != nullptr) {
      plan->next->previous = plan->previous;
    }
  }
  for (uint32_t i = 0; i < plan->comment_count; ++i) {
    free_expression(&plan->comments()[i].expression);
  }
  give_block(plan, plan->bytes);
}

void forget_plans() {
  const WordLock lock(&runtime_root()->plans_lock);
  for (CodePlan* plan = g_plans.with_events; plan != nullptr; plan = plan->next) {
    plan->has_events = false;
  }
  g_plans.with_events = nullptr;
}

void visit_codes_with_events(void (*visit)(PyObject* code, void* argument), void* argument) {
  const int64_t interpreter = interpreter_id(current_interpreter());
  CodePlan* plan = nullptr;
  for (bool begins = true;; begins = false) {
    {
      // A plan of this interpreter stays; one of another may end without the lock.
      const WordLock lock(&runtime_root()->plans_lock);
      plan = begins ? g_plans.with_events : plan->next;
      while (plan != nullptr && plan->interpreter != interpreter) {
        plan = plan->next;
      }
    }
    if (plan == nullptr) {
      return;
    }
    visit(plan->code, argument);
  }
}

namespace {

// The first of `all` at that offset, or null.
template <class Place>
const Place* find_first(const Place* all, uint32_t count, uint32_t offset) {
  uint32_t low = 0;
  uint32_t high = count;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (all[middle].offset < offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < count && all[low].offset == offset ? &all[low] : nullptr;
}

}  // namespace

const LoggedStore* find_store(CodePlan* plan, uint32_t offset) {
  return find_first(plan->stores(), plan->store_count, offset);
}

const LoggedPoint* find_point(CodePlan* plan, uint32_t offset) {
  return find_first(plan->points(), plan->point_count, offset);
}

}  // namespace vtn::runtime

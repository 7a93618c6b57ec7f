// SPDX-License-Identifier: Apache-2.0
//
// What is to be told of one code object that holds something that was asked for: found out when the
// code is first met, kept with its identity (capture/code_table.h), freed with it, and in a forked
// child when that makes its own: where code of the program's ran, ask for it anew. A code whose
// bindings are told has INSTRUCTION events of its own for as long (capture/monitoring.h).
//
// All need the GIL of the interpreter that has the code; may leave an error set: use under
// PendingException.
#pragma once

#include <stdint.h>

#include "runtime/python/python_api.h"
#include "runtime/variables/comment_expressions.h"
#include "runtime/variables/comment_plans.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

enum LoggedFlag : uint8_t {
  kIsSecret = 1,
  kIsEndOfHandler = 2,  // if the value is None: `except ... as` takes its name away
  kHasKey = 4,          // of an item: the key lies on top of the stack
  kIsFast = 8,          // `variable` is where it goes
};

// Mark names (marks/marks.h); 0: not so.
struct LoggedName {
  uint32_t instant;
  uint32_t counter;
  uint32_t otherwise;  // the instant of what is to be counted and is no number
};

struct LoggedStore {
  uint32_t offset;  // in the order of these; two may have the same
  uint32_t depth;   // of the stack before it
  LoggedName name;
  uint32_t variable;
  uint8_t below;  // the value lies that far below the top
  uint8_t flags;  // LoggedFlag
  // The comment whose condition decides, among the plan's; kNoComment: it is told at once.
  uint32_t comment;
};

struct LoggedParameter {
  LoggedName name;
  uint32_t index;  // among the frame's variables
  uint32_t flags;
};

inline constexpr char kCommentCategory[] = "magic comment";

// A magic comment, where it stands in this code.
struct LoggedComment {
  CommentExpression expression;
  CommentVerb verb;
  bool is_off;      // it cannot be told
  bool binds;       // log: its statement binds something, which is told
  uint32_t told;    // log: the mark of a statement that binds nothing
  uint32_t failed;  // the mark of an expression that raised
  uint32_t line;
  uint32_t made_names;  // that no other comment had made
};

struct CodePlan {
  CodePlan* next;  // of all that have events
  CodePlan* previous;
  PyObject* code;  // borrowed
  int64_t interpreter;
  uint32_t bytes;      // of all of it
  uint32_t entry;      // the mark of its begin; 0: none
  uint32_t variables;  // of its frames: the stack lies behind them
  uint32_t parameter_count;
  uint32_t store_count;
  uint32_t comment_count;
  uint32_t point_count;
  bool notes_ways;  // some of the points want to know what came before
  bool has_events;

  LoggedComment* comments() { return reinterpret_cast<LoggedComment*>(this + 1); }
  LoggedParameter* parameters() {
    return reinterpret_cast<LoggedParameter*>(comments() + comment_count);
  }
  LoggedStore* stores() { return reinterpret_cast<LoggedStore*>(parameters() + parameter_count); }
  LoggedPoint* points() { return reinterpret_cast<LoggedPoint*>(stores() + store_count); }
};

// What a plan is made of: copied, but for the expressions, which become its own.
struct PlanParts {
  uint32_t entry;
  uint32_t variables;
  const LoggedComment* comments;
  const LoggedParameter* parameters;
  const LoggedStore* stores;
  const LoggedPoint* points;
  uint32_t comment_count;
  uint32_t parameter_count;
  uint32_t store_count;
  uint32_t point_count;
};

// Null: no memory.
CodePlan* make_plan(PyObject* code, const PlanParts& parts);

// Null: nothing of it is asked for (or no memory). `qualified`: the code's name as it is recorded.
CodePlan* plan_code(PyObject* code, tracer::Text qualified);

// `plan` may be null.
void free_plan(CodePlan* plan);

// Lists it among those with events, or takes it out.
void list_plan(CodePlan* plan);

// The main interpreter has ended: code that it left behind is not listed any more.
void forget_plans();

// Calls `visit` with each code of this interpreter that has events, one after the other; whatever
// that does, no code ends meanwhile.
void visit_codes_with_events(void (*visit)(PyObject* code, void* argument), void* argument);

// The first one at that offset, or null.
const LoggedStore* find_store(CodePlan* plan, uint32_t offset);
const LoggedPoint* find_point(CodePlan* plan, uint32_t offset);

}  // namespace vtn::runtime

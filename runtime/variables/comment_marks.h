// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of code with magic comments. What comments ask for, told where the code comes by
// (comment_plans.h). All need the GIL and may leave an error set: use under PendingException and
// KeepErrno.
#pragma once

#include "runtime/marks/marks.h"
#include "runtime/variables/plans.h"
#include "tracer/engine.h"

namespace vtn::runtime {

// The points of an instruction that is about to run in the frame of the code. Code of the program's
// may run, and fork: the plan that the code has now, null where that is none.
CodePlan* pass_points(tracer::ThreadState* thread,
                      CodePlan* plan,
                      PyObject* code,
                      const void* frame,
                      uint32_t offset);

// The frame begins. It may lie where another did, which an exception ended on such a way.
void forget_way(tracer::ThreadState* thread, const void* frame);

// A mark of what a statement binds, whose comment has a condition: it is told when that holds, at
// the end of the statement, and else dropped. Of the same binding only the last one is kept.
void keep_mark(tracer::ThreadState* thread,
               const PyObject* code,
               const void* frame,
               const LoggedStore& store,
               const Mark& mark,
               MarkKind kind,
               uint32_t name,
               uint64_t ticks);

// The thread ends. Needs no GIL.
void free_comment_marks(tracer::ThreadState* thread);

}  // namespace vtn::runtime

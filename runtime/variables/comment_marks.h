// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of code with magic comments. What comments ask for, told where the code comes by
// (comment_plans.h). All need the GIL; but for note_way() they may leave an error set: use under
// PendingException and KeepErrno.
#pragma once

#include "runtime/marks/marks.h"
#include "runtime/variables/plans.h"
#include "tracer/engine.h"

namespace vtn::runtime {

// The points of an instruction that is about to run in the frame of the plan's code: `point` is the
// first, `end` behind the last one of all. Code of the program's may run.
void pass_points(tracer::ThreadState* thread,
                 CodePlan* plan,
                 const void* frame,
                 const LoggedPoint* point,
                 const LoggedPoint* end);

// A mark of what a statement binds, whose comment has a condition: it is told when that holds, at
// the end of the statement, and else dropped. Of the same binding only the last one is kept.
void keep_mark(tracer::ThreadState* thread,
               const CodePlan* plan,
               const void* frame,
               const LoggedStore& store,
               const Mark& mark,
               MarkKind kind,
               uint32_t name,
               uint64_t ticks);

// The thread ends. Needs no GIL.
void free_comment_marks(tracer::ThreadState* thread);

}  // namespace vtn::runtime

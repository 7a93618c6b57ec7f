// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH. One pass over every call, after the run.
#include "report/summary/stacks.h"

#include "report/summary/call_walk.h"

namespace vtn::report {

namespace {

struct Stacks {
  using Mark = StackFinder::Mark;
  StackFinder finder;
  Mark begin(const Mark* caller, FunctionIndex function, bool resumed) {
    return finder.begin(caller, function, resumed);
  }
  void end(const EndedCall<Mark>& call) { finder.end(call.mark, call.own_ns); }
};

}  // namespace

Result<std::vector<ThreadStacks>> find_stacks(const spool::Reader& spool,
                                              const Picture& picture,
                                              uint32_t most_of_thread,
                                              unsigned workers,
                                              const Progress& progress) {
  using Walk = CallWalk<Stacks>;
  const spool::Model& model = spool.model();
  std::vector<ThreadStacks> found(model.threads.size());
  ThreadPasses passes;
  passes.begin = [&](uint32_t thread) {
    return std::make_unique<Walk>(
        model, picture.clock, thread, Stacks{StackFinder(most_of_thread)});
  };
  passes.end = [&](uint32_t thread, ThreadPass& pass) {
    auto& walk = static_cast<Walk&>(pass);
    walk.finish(end_of_thread_ns(picture, thread));
    found[thread] = walk.visitor.finder.take();
  };
  VTN_TRY(pass_in_order(spool, workers, progress, passes));
  return found;
}

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
#include "report/summary/pstats.h"

#include <map>
#include <string>

#include "report/output_file.h"
#include "report/summary/marshal.h"
#include "report/summary/totals.h"

namespace vtn::report {

namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;

struct Function {
  FunctionTotals totals;
  std::map<FunctionIdentity, FunctionTotals> callers;
};

std::map<FunctionIdentity, Function> put_together(const spool::Model& model,
                                                  const CallTotals& totals) {
  std::map<FunctionIdentity, Function> functions;
  for (size_t i = 0; i < totals.threads.size(); ++i) {
    const spool::ImageInfo& image = model.images[model.threads[i].image];
    for (const auto& [index, sums] : totals.threads[i].functions) {
      functions[identity_of(image, index)].totals.add(sums);
    }
    for (const auto& [edge, sums] : totals.threads[i].edges) {
      if (edge.first != kNoFunction) {
        functions[identity_of(image, edge.second)].callers[identity_of(image, edge.first)].add(
            sums);
      }
    }
  }
  return functions;
}

void put_place(Marshal& to, const FunctionIdentity& place) {
  to.begin_tuple(3);
  to.text(place.file.empty() ? "~" : place.file);
  to.number(place.line);
  to.text(place.name);
}

void put_function(Marshal& to, const FunctionIdentity& place, const Function& function) {
  put_place(to, place);
  to.begin_tuple(5);
  to.number(function.totals.outermost_calls);
  to.number(function.totals.calls);
  to.seconds(function.totals.own_ns);
  to.seconds(function.totals.total_ns);
  to.begin_dict();
  for (const auto& [caller, sums] : function.callers) {
    put_place(to, caller);
    to.begin_tuple(4);
    to.number(sums.calls);
    to.number(sums.outermost_calls);
    to.seconds(sums.own_ns);
    to.seconds(sums.total_ns);
  }
  to.end_dict();
}

}  // namespace

Status write_pstats(const spool::Reader& spool, const WriteRequest& request) {
  VTN_ASSIGN(const CallTotals totals,
             add_up(spool, AlsoAdd::kEdges, request.settings.workers, request.progress));
  VTN_ASSIGN(OutputFile output, OutputFile::create(request.path));
  std::string text;
  Marshal to(text);
  to.begin_dict();
  for (const auto& [place, function] : put_together(spool.model(), totals)) {
    put_function(to, place, function);
    if (text.size() >= kPieceBytes) {
      VTN_TRY(output.append(text));
      text.clear();
    }
  }
  to.end_dict();
  VTN_TRY(output.append(text));
  return output.commit();
}

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
#include "report/summary/functions.h"

#include "report/text.h"

namespace vtn::report {

FunctionKey key_of(const spool::FunctionInfo* function) {
  return function == nullptr ? FunctionKey()
                             : FunctionKey(function->name,
                                           function->file,
                                           function->line,
                                           1 + static_cast<uint32_t>(function->kind));
}

FunctionIdentity identity_of(const spool::ImageInfo& image, FunctionIndex index) {
  if (index == kOtherFunctions) {
    return {"(other functions)", "", 0};
  }
  const spool::FunctionInfo* function = function_at(image, index);
  if (function == nullptr) {
    return {"(functions without a name)", "", 0};
  }
  return function->kind == FunctionKind::kPython
             ? FunctionIdentity{function->name, function->file, function->line}
             : FunctionIdentity{display_name(function, 0), "", 0};
}

}  // namespace vtn::report

// SPDX-License-Identifier: Apache-2.0
#include "launcher/derived.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "launcher/selection.h"
#include "spool/combine.h"

namespace vtn::launcher {

bool needs_derived(const Source& source) {
  return source.work == Work::kCompress || source.work == Work::kCombine ||
         source.work == Work::kAlign || source.window.given();
}

Result<std::unique_ptr<spool::Reader>> derive_recording(
    const Source& source,
    const std::vector<std::unique_ptr<spool::Reader>>& inputs,
    const std::string& output,
    const std::function<bool(uint64_t done, uint64_t total)>& progress) {
  std::string path = folder_of(output) + "/." + name_of(output) + ".part-XXXXXX";
  UniqueFd fd(mkostemp(path.data(), O_CLOEXEC));
  if (!fd) {
    return fail_errno("cannot write beside " + output);
  }
  const auto derive = [&]() -> Result<std::unique_ptr<spool::Reader>> {
    if (source.window.given()) {
      VTN_ASSIGN(auto window, window_of(*inputs.front(), source.window));
      window.progress = progress;
      return spool::cut_window(window, std::move(fd), path);
    }
    spool::CombineRequest request;
    for (const auto& input : inputs) {
      request.inputs.push_back(input.get());
    }
    request.align = source.work == Work::kAlign;
    request.compress = source.work == Work::kCompress;
    request.version = VTN_VERSION;
    request.progress = progress;
    return spool::combine(request, std::move(fd), path);
  };
  auto made = derive();
  if (!made) {
    (void)unlink(path.c_str());
  }
  return made;
}

}  // namespace vtn::launcher

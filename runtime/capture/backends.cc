// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/backends.h"

#include "runtime/capture/collections.h"
#include "runtime/entry/process.h"
#include "runtime/marks/prints.h"
#include "runtime/python/versions.h"
#include "runtime/variables/wishes.h"

namespace vtn::runtime {

namespace {

Backend g_backend = Backend::kProfile;

void choose_backend(Backend backend) {
  g_backend = backend;
  set_backend(backend);
}

bool install_best() {
  const bool with_c_functions = !session_option(kOptionIgnoreCFunctions);
  if (has_monitoring(g_python.minor)) {
    choose_backend(Backend::kMonitoring);
    if (install_monitoring(with_c_functions)) {
      return true;
    }
  } else if (evaluation_function_pays(g_python.minor) && !with_c_functions && !bindings_wanted()) {
    choose_backend(Backend::kEvalFrame);
    if (install_eval_frame()) {
      return true;
    }
  }
  choose_backend(Backend::kProfile);
  return install_profile(with_c_functions);
}

bool install_same() {
  switch (g_backend) {
    case Backend::kMonitoring:
      return install_monitoring(!session_option(kOptionIgnoreCFunctions));
    case Backend::kEvalFrame:
      if (!profile_installed()) {
        return install_eval_frame();
      }
      [[fallthrough]];
    default:
      watch_frames();
      return set_profile(g_python.PyThreadState_Get());
  }
}

}  // namespace

bool install_backend() {
  const bool installed = install_best();
  if (installed) {
    start_collections();
    start_prints();
  }
  return installed;
}

bool install_backend_again() {
  const bool installed = install_same();
  if (installed) {
    start_collections();
    start_prints();
  }
  return installed;
}

void uninstall_backend() {
  stop_collections();
  stop_prints();
  uninstall_eval_frame();
  if (profile_installed()) {
    uninstall_profile();
  }
  if (g_backend == Backend::kMonitoring) {
    uninstall_monitoring();
  }
}

}  // namespace vtn::runtime

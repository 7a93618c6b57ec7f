// SPDX-License-Identifier: Apache-2.0
#include "spool/reasons.h"

#include "abi/python_abi.h"

namespace vtn::spool {

namespace {

struct Reason {
  UntracedReason reason;
  const char* why;
};
constexpr Reason kReasons[] = {
    {UntracedReason::kTooOld, "it is older than "},
    {UntracedReason::kSelfTest, "it is not laid out as a CPython of its version is"},
    {UntracedReason::kNoArena, "the shared memory could not be mapped"},
    {UntracedReason::kJit, "its JIT is on, which corrupts local variables under any tracer"},
    {UntracedReason::kFreeThreaded, "it is a free-threaded build"},
    {UntracedReason::kApiMissing, "a function of the C API is missing"},
    {UntracedReason::kInstallFailed, "it refused the callbacks"},
    {UntracedReason::kStatic, "it is a static executable"},
    {UntracedReason::kSetuid, "it runs with rights of its own (setuid, or capabilities)"},
    {UntracedReason::kForeign, "it is of another architecture or C library"},
    {UntracedReason::kSanitizer,
     "it is built with AddressSanitizer, which must be the first library"},
    {UntracedReason::kLoader, "it is the dynamic loader"},
    {UntracedReason::kExcluded, "it is excluded"},
    {UntracedReason::kNotWanted, "only the program itself is traced"},
    {UntracedReason::kSwitchedOff, "VIZTRACER_NATIVE=0 is in its environment"},
    {UntracedReason::kUnreachable, "our files cannot be reached from where it runs"},
    {UntracedReason::kPastUs, "it was executed by a system call of its starter's own"},
    {UntracedReason::kLeft, "it went on, or ended, by a system call of its own"},
};
constexpr char kUntraced[] = "untraced: ";

std::string text_of(const Reason& one) {
  return one.reason == UntracedReason::kTooOld ? std::string(one.why) + kOldestPythonText : one.why;
}

}  // namespace

std::string untraced_text(UntracedReason reason) {
  for (const Reason& one : kReasons) {
    if (one.reason == reason) {
      return text_of(one);
    }
  }
  return "for an unknown reason";
}

UntracedReason read_ledger_text(std::string_view text) {
  if (text.starts_with(kUntraced)) {
    text.remove_prefix(sizeof(kUntraced) - 1);
    for (const Reason& one : kReasons) {
      if (text == text_of(one)) {
        return one.reason;
      }
    }
  }
  return UntracedReason::kNone;
}

}  // namespace vtn::spool

// SPDX-License-Identifier: Apache-2.0
//
// main() of every unit test executable. Compiled once: it is the slow part of Catch2 version 2.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <catch2/catch_reporter_tap.hpp>
#endif

#include <string>
#include <utility>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

#if __has_include(<catch2/catch_all.hpp>)
using ListenerBase = Catch::EventListenerBase;
#else
using ListenerBase = Catch::TestEventListenerBase;
#endif

bool same_file(int one, int other) {
  struct stat a = {};
  struct stat b = {};
  return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

// Says what failed on stderr as well, where that is not the same file: `meson test
// --print-errorlogs` shows nothing else of a TAP test.
class FailuresOnStderr : public ListenerBase {
 public:
  using ListenerBase::ListenerBase;

  void testCaseStarting(const Catch::TestCaseInfo& test) override {
    ListenerBase::testCaseStarting(test);
    test_ = test.name;
  }

  // void in version 3, in version 2 a bool: whether the stored messages may go.
  auto assertionEnded(const Catch::AssertionStats& stats)
      -> decltype(std::declval<ListenerBase&>().assertionEnded(stats)) override {
    const Catch::AssertionResult& result = stats.assertionResult;
    if (!result.isOk() && !same_on_both_) {
      const auto text = [](const auto& piece) { return std::string(piece.begin(), piece.end()); };
      std::string all = std::string(result.getSourceInfo().file) + ':' +
                        std::to_string(result.getSourceInfo().line) + ": " + test_ + "\n  " +
                        text(result.getExpressionInMacro());
      if (result.hasExpandedExpression()) {
        all += "\n  with: " + text(result.getExpandedExpression());
      }
      for (const Catch::MessageInfo& info : stats.infoMessages) {
        all += "\n  " + info.message;
      }
      fprintf(stderr, "%s\n", all.c_str());
      fflush(stderr);
    }
    using Kept = decltype(ListenerBase::assertionEnded(stats));
    return static_cast<Kept>(true);
  }

 private:
  std::string test_;
  const bool same_on_both_ = same_file(STDOUT_FILENO, STDERR_FILENO);
};
CATCH_REGISTER_LISTENER(FailuresOnStderr)

}  // namespace

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }

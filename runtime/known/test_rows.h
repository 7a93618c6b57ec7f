// SPDX-License-Identifier: Apache-2.0
//
// Tests as rows: of pytest (its workers' as well) and of unittest, without a plugin. A test is a
// span of its name, with its outcome; its phases (setup, call, teardown) are spans within. Told of
// from the arguments of the functions that run them.
//
// A test of unittest that pytest runs is pytest's.
#pragma once

#include "runtime/known/known_functions.h"

namespace vtn::runtime {

// What came of a test, in pytest's words; from the least to what matters most.
enum TestOutcome : uint8_t { kUntold, kPassed, kXPassed, kXFailed, kSkipped, kFailed, kError };

enum TestPhase : uint8_t { kSetup, kCall, kTeardown };

// _pytest.runner: runtestprotocol(item, ...); call_and_report(item, when, ...).
bool pytest_test_begins(const KnownCall& call);
bool pytest_phase_begins(const KnownCall& call);

// os.environ's __setitem__(self, key, value): pytest says in PYTEST_CURRENT_TEST what it runs, as
// "test_x.py::test_y (setup)" (its documentation, "PYTEST_CURRENT_TEST environment variable").
bool pytest_says_which(const KnownCall& call);

// _pytest.runner.check_interactive_exception(call, report): the last that call_and_report() calls
// with the report of its phase, which others may have changed by then.
bool pytest_reports(const KnownCall& call);

// unittest.case.TestCase: run(self, result); _callSetUp(self), and so on (detail: TestPhase).
bool unittest_test_begins(const KnownCall& call);
bool unittest_phase_begins(const KnownCall& call);

// unittest.result.TestResult: addError(self, test, err), and so on (detail: TestOutcome);
// addSubTest(self, test, subtest, err).
bool unittest_reports(const KnownCall& call);
bool unittest_reports_part(const KnownCall& call);

// The end of what a row begins.
void tell_test(const KnownCall& call);

}  // namespace vtn::runtime

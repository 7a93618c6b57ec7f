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

// _pytest.runner: runtestprotocol(item, ...); call_and_report(item, when, ...).
bool pytest_test_begins(const KnownCall& call);
bool pytest_phase_begins(const KnownCall& call);

// os.environ's __setitem__(self, key, value): pytest says in PYTEST_CURRENT_TEST what it runs, as
// "test_x.py::test_y (setup)" (its documentation, "PYTEST_CURRENT_TEST environment variable").
bool pytest_says_which(const KnownCall& call);

// unittest.case.TestCase: run(self, result); _callSetUp(self), and so on.
bool unittest_test_begins(const KnownCall& call);
bool unittest_setup_begins(const KnownCall& call);
bool unittest_call_begins(const KnownCall& call);
bool unittest_teardown_begins(const KnownCall& call);

// The end of any of these.
void tell_test(const KnownCall& call);

// What came of it. _pytest.reports.TestReport.__init__(self, nodeid, location, keywords, outcome,
// ...); _pytest.main.Session.pytest_runtest_logreport(self, report), which knows what was expected.
bool pytest_outcome(const KnownCall& call);
bool pytest_expectation(const KnownCall& call);

// unittest.result.TestResult: addError(self, test, err), and so on.
bool unittest_error(const KnownCall& call);
bool unittest_failure(const KnownCall& call);
bool unittest_skip(const KnownCall& call);
bool unittest_expected_failure(const KnownCall& call);
bool unittest_unexpected_success(const KnownCall& call);
bool unittest_subtest(const KnownCall& call);

}  // namespace vtn::runtime

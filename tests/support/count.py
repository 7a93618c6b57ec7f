# SPDX-License-Identifier: Apache-2.0
"""Counts tests from Meson's testlog.json files and prints `N passed, N failed` as its last line, the
failed ones by name before it: of a long log often only the end is kept.

    count.py FAILED-STAGES BUILD-FOLDER...

A test that speaks TAP counts once per TAP line. Exits 1 if anything failed, if FAILED-STAGES is not
empty (a build that broke has no test that could say so), or if a folder has no log at all.
"""

import json
import os
import re
import sys

TAP_LINE = re.compile(r"^(not )?ok\b(.*)")
CASE_LINE = re.compile(r"^# (\S.*)")


def tap(text):
    """(passed, failed, skipped). Catch2 writes a line per assertion, below the name of its test case as
    a comment: those of one test case count once."""
    cases, single, case = {}, [0, 0, 0], None
    for line in text.splitlines():
        match = TAP_LINE.match(line)
        if not match:
            named = CASE_LINE.match(line)
            case = named[1] if named else None
            continue
        bad = bool(match[1])
        if case is not None:
            cases[case] = cases.get(case, False) or bad
        elif re.search(r"#\s*skip", match[2], re.I):
            single[2] += 1
        else:
            single[bad] += 1
        case = None
    failed = sum(cases.values())
    return single[0] + len(cases) - failed, single[1] + failed, single[2]


def count(entry):
    """(passed, failed, skipped) of one test."""
    good = entry["result"] in ("OK", "EXPECTEDFAIL", "SKIP")
    passed, failed, skipped = tap(entry.get("stdout") or "")
    if passed + failed + skipped == 0:
        return (int(entry["result"] in ("OK", "EXPECTEDFAIL")), int(not good), int(entry["result"] == "SKIP"))
    if not good and not failed:
        failed = 1  # it died, or ran out of time, after its last line
    return passed, failed, skipped


def failures(entry):
    """The lines that say what failed in one test and why, for a reader who has nothing else of the log:
    each `not ok`, with the name of its test case before it and at most 40 comments after it."""
    lines, case, left = [], None, 0
    for line in (entry.get("stdout") or "").splitlines():
        match, named = TAP_LINE.match(line), CASE_LINE.match(line)
        if match:
            left = 40 if match[1] else 0
            if match[1]:
                lines.append(f"{line} [{case}]" if case else line)
        elif left and line.startswith("#"):
            lines.append(line)
            left -= 1
        case = named[1] if named and not left else None
    if not lines:
        said = (entry.get("stdout") or "").splitlines() + (entry.get("stderr") or "").splitlines()
        lines = [f"{entry['result']} after {entry.get('duration', 0):.0f} s; its last lines:", *said[-20:]]
    return lines


def main():
    stages, folders = sys.argv[1], sys.argv[2:]
    totals = [0, 0, 0]
    for folder in folders:
        log = os.path.join(folder, "meson-logs", "testlog.json")
        if not os.path.exists(log):
            print(f"{folder}: no test ran")
            totals[1] += 1
            continue
        with open(log, encoding="utf-8") as file:
            for line in file:
                entry = json.loads(line)
                counted = count(entry)
                totals = [a + b for a, b in zip(totals, counted)]
                if counted[1]:
                    for line in failures(entry):
                        print(f"{folder}: {entry['name']}: {line[:400]}")
    if stages.strip() and not totals[1]:
        totals[1] = 1
    if totals[2]:
        print(f"{totals[2]} skipped")
    print(f"{totals[0]} passed, {totals[1]} failed")
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Instructions of the record path per event, counted by callgrind: the same on every machine.

    record_instructions.py RECORD_BENCH
"""

import re
import shutil
import subprocess
import sys
import tempfile


def instructions(program, events):
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", program,
             str(events)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", run.stderr).group(1))


def main():
    if shutil.which("valgrind") is None:
        print("skipped: valgrind is not installed (apt-get install valgrind)")
        return
    few, many = 1_000_000, 3_000_000
    count = (instructions(sys.argv[1], many) - instructions(sys.argv[1], few)) / (many - few)
    print(f"{count:.2f} instructions per event (chunks recycled included)")


main()

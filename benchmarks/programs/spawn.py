# SPDX-License-Identifier: Apache-2.0
"""COUNT: runs `python -c pass` so often and prints the mean time of one, in milliseconds."""

import subprocess
import sys
import time

count = int(sys.argv[1])
start = time.perf_counter()
for _ in range(count):
    subprocess.run([sys.executable, "-c", "pass"], check=True)
print((time.perf_counter() - start) * 1e3 / count)

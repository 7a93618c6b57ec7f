#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the pictures of docs/pictures/ anew: of examples/tour.py, in a headless Chromium.

    tools/pictures.py LAUNCHER

  page.png      the timeline and the table of functions
  flame.png     the flame graph, of a part of the run
  terminal.png  what a run says at its end, and a session of vdb: the text as it was, on a dark ground
"""

import html
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

import chromium  # noqa: E402

TARGET = os.path.join(ROOT, "docs", "pictures")
VDB = ["break price_all", "continue", "where", "args", "next", "stepback", "find 'cake'"]
TERMINAL = """<!DOCTYPE html><meta charset="utf-8"><style>
body { margin: 0; overflow: hidden; background: #16181d; color: #d7dae0; font: 15px/1.45 "DejaVu Sans Mono", monospace; }
pre { margin: 0; padding: 18px 22px; } b { color: #8fd694; font-weight: normal; }
</style><pre>%s</pre>"""


def page_pictures(browser, report):
    page = browser.open("file://" + report)
    page.wait_until_read()
    page.evaluate("vtn.ready.then(() => true)")
    page.screenshot(os.path.join(TARGET, "page.png"))
    page.evaluate("vtn.state.set('panel', 'flame')")
    # The calls of main(), which is what the program is about.
    page.evaluate("""(() => {
      const { source } = vtn.state;
      const main = source.report.functions.name.indexOf('main');
      for (let depth = 0; ; depth++) {
        const column = source.column(0, depth);
        if (!column) throw new Error('there is no main()');
        const index = column.code.indexOf(main);
        if (index >= 0 && index < column.count) {
          vtn.state.set('view', { from_ns: column.start[index], to_ns: column.end[index] });
          return;
        }
      }
    })()""")
    page.evaluate("new Promise((done) => setTimeout(done, 500))")
    page.screenshot(os.path.join(TARGET, "flame.png"))


def terminal_picture(browser, launcher, folder):
    def run(*arguments, **more):
        done = subprocess.run([launcher, *arguments], cwd=folder, capture_output=True, text=True, check=True, **more)
        text = (done.stdout + done.stderr).replace(folder + "/", "")
        return re.sub(r"/\S*/lib/(python3\.\d+/)", r"/usr/lib/\1", text)  # wherever this machine has it

    def typed(prompt, line):
        return f"{html.escape(prompt)} <b>{html.escape(line)}</b>\n"

    shutil.copy(os.path.join(ROOT, "examples", "tour.py"), folder)
    text = typed("$", "viztracer-native --log_lines --log_func_args --summary 6 -o tour.vtn tour.py")
    text += html.escape(run("--log_lines", "--log_func_args", "--summary", "6", "-o", "tour.vtn", "tour.py"))
    text += typed("$", "viztracer-native vdb tour.vtn")
    # An empty line behind each answer.
    answers = run("vdb", "--batch", "--extra_newline", "tour.vtn", input="".join(line + "\n" for line in VDB)).split("\n\n")
    for line, answer in zip(VDB, answers):
        text += typed(">>>", line) + html.escape(answer.strip("\n")) + "\n"
    path = os.path.join(folder, "terminal.html")
    with open(path, "w", encoding="utf-8") as file:
        file.write(TERMINAL % text)
    page = browser.open("file://" + path)
    page.wait_until_read()
    page.screenshot(os.path.join(TARGET, "terminal.png"))


def main():
    if len(sys.argv) != 2 or chromium.why_not():
        print(chromium.why_not() or __doc__, file=sys.stderr)
        return 2
    launcher = os.path.abspath(sys.argv[1])
    os.makedirs(TARGET, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.html")
        subprocess.run([launcher, "--quiet", "-o", report, os.path.join(ROOT, "examples", "tour.py")], check=True, stdout=subprocess.DEVNULL)
        with chromium.Chromium(1600, 1000) as browser:
            page_pictures(browser, report)
        with chromium.Chromium(1100, 900) as browser:
            terminal_picture(browser, launcher, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""The Markdown files of FOLDER to HTML with mistune, COUNT times.

    mistune_render.py COUNT FOLDER
"""

import glob
import hashlib
import sys

import mistune

markdown = mistune.create_markdown(plugins=["table", "footnotes", "strikethrough"])
digest = hashlib.sha256()
for _ in range(int(sys.argv[1])):
    for name in sorted(glob.glob(sys.argv[2] + "/*.md")):
        with open(name, encoding="utf-8") as file:
            digest.update(markdown(file.read()).encode())
print(digest.hexdigest())

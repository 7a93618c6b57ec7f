#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the wheel: one for every CPython of this architecture.

    packaging/wheel.py BUILD OUTPUT_FOLDER     BUILD: a build folder whose targets are up to date

What pip makes of it in an environment (PREFIX):

    PREFIX/bin/viztracer-native               the command itself, no script round it
    PREFIX/lib/viztracer-native/              what it brings into processes: shim, runtime, embed host
    site-packages/viztracer_native/           the typed package, for programs that import it
    site-packages/viztracer_native-*.dist-info/

No interpreter loads a file of it that does not ask for it: no .pth, no entry point. Neither `viztracer` nor
`vizviewer` is in it, so that VizTracer can be installed beside. The archive holds the same bytes whenever it is made.
Prints the wheel's path.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NAME = "viztracer_native"
# Before 1980 there are no times in a zip archive.
TIME = (1980, 1, 1, 0, 0, 0)
PROGRAM, PLAIN = 0o755, 0o644
# In the build folder, and where pip puts it.
BINARIES = (
    ("launcher/viztracer-native", "scripts/viztracer-native"),
    ("launcher/vtn-embed-host", "data/lib/viztracer-native/vtn-embed-host"),
    ("subprocess_shim/libvtn_shim.so", "data/lib/viztracer-native/libvtn_shim.so"),
    ("runtime/libvtn_runtime.so", "data/lib/viztracer-native/libvtn_runtime.so"),
)
PACKAGE_FILES = (".py", ".pyi", "py.typed")


def project(build):
    """name, version"""
    with open(os.path.join(build, "meson-info", "intro-projectinfo.json"), encoding="utf-8") as file:
        return json.load(file)["version"]


def newest_glibc(paths):
    """The newest version of a symbol of glibc that the files ask for: what a machine has to have at least."""
    versions = set()
    for path in paths:
        listed = subprocess.run(["objdump", "-T", path], stdout=subprocess.PIPE, check=True, text=True).stdout
        versions.update(tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_(2\.\d+)", listed))
    return max(versions)


def stripped(path, folder):
    target = os.path.join(folder, os.path.basename(path) + ".stripped")
    subprocess.run(["strip", "--strip-unneeded", "-o", target, path], check=True)
    with open(target, "rb") as file:
        data = file.read()
    os.unlink(target)
    return data


def package_modules():
    """(name in the wheel, bytes) of the package, without the alias: that is VizTracer's own name in an environment."""
    folder = os.path.join(ROOT, "python", NAME)
    for name in sorted(os.listdir(folder)):
        if name.endswith(PACKAGE_FILES):
            with open(os.path.join(folder, name), "rb") as file:
                yield f"{NAME}/{name}", file.read()


def metadata(version):
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        readme = file.read()
    return "\n".join([
        "Metadata-Version: 2.1",
        "Name: viztracer-native",
        f"Version: {version}",
        "Summary: See every call your Python program makes, in every thread and process, on one time line",
        "License: Apache-2.0",
        "Requires-Python: >=3.10",
        "Classifier: Operating System :: POSIX :: Linux",
        "Classifier: Programming Language :: Python :: 3",
        "Classifier: Topic :: Software Development :: Debuggers",
        "Classifier: Typing :: Typed",
        "Description-Content-Type: text/markdown",
        "",
        readme,
    ]).encode()


class Wheel:
    def __init__(self, path, info):
        self.archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
        self.info, self.record = info, []

    def add(self, name, data, mode=PLAIN):
        entry = zipfile.ZipInfo(name, TIME)
        entry.external_attr = (0o100000 | mode) << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        self.archive.writestr(entry, data)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        self.record.append(f"{name},sha256={digest},{len(data)}")

    def close(self):
        name = f"{self.info}/RECORD"
        self.record.append(f"{name},,")
        self.archive.writestr(zipfile.ZipInfo(name, TIME), "\n".join(self.record) + "\n")
        self.archive.close()


def make(build, output):
    version = project(build)
    files = [(os.path.join(build, source), target) for source, target in BINARIES]
    missing = [source for source, _ in files if not os.path.exists(source)]
    if missing:
        raise SystemExit(f"{missing[0]} is not there: ninja -C {build}")
    tag = "py3-none-manylinux_{}_{}_x86_64".format(*newest_glibc(source for source, _ in files))
    os.makedirs(output, exist_ok=True)
    path = os.path.join(output, f"{NAME}-{version}-{tag}.whl")
    info, data = f"{NAME}-{version}.dist-info", f"{NAME}-{version}.data"
    wheel = Wheel(path, info)
    for name, text in package_modules():
        wheel.add(name, text)
    for source, target in files:
        wheel.add(f"{data}/{target}", stripped(source, output), PROGRAM if not target.endswith(".so") else PLAIN)
    with open(os.path.join(ROOT, "LICENSE"), "rb") as file:
        wheel.add(f"{info}/LICENSE", file.read())
    wheel.add(f"{info}/METADATA", metadata(version))
    wheel.add(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: packaging/wheel.py\nRoot-Is-Purelib: false\nTag: {tag}\n".encode())
    wheel.close()
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("output")
    chosen = parser.parse_args()
    print(make(chosen.build, chosen.output))
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes a Debian forky root that holds CPython 3.14 and 3.15, for the tests. It is made once, in
# $VIZTRACER_NATIVE_CACHE/forky (by default /var/cache/viztracer-native/forky), and kept.
# Needs root, debootstrap and a Debian mirror ($DEBIAN_MIRROR).
set -eu

cache=${VIZTRACER_NATIVE_CACHE:-/var/cache/viztracer-native}
root=$cache/forky
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
pythons='python3.14 python3.15 libpython3.14 libpython3.15'

complete() { [ -x "$root/usr/bin/python3.14" ] && [ -x "$root/usr/bin/python3.15" ] &&
             [ -z "$(ls -d "$root/debootstrap" 2>/dev/null)" ]; }

if complete; then
  echo "forky_root.sh: $root is there"
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  echo "forky_root.sh: making $root needs root" >&2
  exit 1
fi
if ! command -v debootstrap >/dev/null 2>&1; then
  echo 'forky_root.sh: debootstrap is needed: apt-get install debootstrap' >&2
  exit 1
fi

scripts=/usr/share/debootstrap/scripts
work=$(mktemp -d "${TMPDIR:-/tmp}/forky-root-XXXXXX")
trap 'rm -rf "$work"' EXIT
# Debian 12's debootstrap does not know forky; it is made as sid is.
script=$scripts/forky
if [ ! -e "$script" ]; then
  script=$scripts/sid
fi
[ -e "$script" ] || { echo "forky_root.sh: debootstrap has no script for forky or sid" >&2; exit 1; }

echo "forky_root.sh: making $root from $mirror (a few minutes, about 400 MB)"
mkdir -p "$cache"
# A half-made root of an earlier try is of no use. Beside it first, then renamed: never half there.
rm -rf "$root.new"
if ! debootstrap --variant=minbase \
    --include="$(echo "$pythons" | tr ' ' ,)" forky "$root.new" "$mirror" "$script" \
    >"$work/log" 2>&1; then
  tail -n 20 "$work/log" >&2
  rm -rf "$root.new"
  echo 'forky_root.sh: debootstrap failed; its last lines stand above' >&2
  exit 1
fi
rm -rf "$root.new/var/cache/apt/archives/"*.deb "$root.new/var/lib/apt/lists/"*
rm -rf "$root"
mv "$root.new" "$root"
complete || { echo "forky_root.sh: $root is not complete" >&2; exit 1; }
echo "forky_root.sh: made $root"

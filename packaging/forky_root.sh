#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes a Debian forky root that holds the newest CPythons, for the tests. It is made once, in
# $VIZTRACER_NATIVE_CACHE/forky (by default /var/cache/viztracer-native/forky), and kept.
# Needs root, debootstrap and a Debian mirror ($DEBIAN_MIRROR).
set -eu

cache=${VIZTRACER_NATIVE_CACHE:-/var/cache/viztracer-native}
root=$cache/forky
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
versions='3.14 3.15'

complete() {
  for version in $versions; do
    [ -x "$root/usr/bin/python$version" ] || return 1
  done
  [ ! -e "$root/debootstrap" ]
}

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
packages=
for version in $versions; do
  packages="$packages,python$version,libpython$version"
done
if ! debootstrap --variant=minbase \
    --include="${packages#,}" forky "$root.new" "$mirror" "$script" \
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

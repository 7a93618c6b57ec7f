#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Formats every C and C++ file of the tree with clang-format 14, or only says which differ (--check).
set -eu
cd "$(dirname "$0")/.."

format=
for candidate in clang-format-14 clang-format; do
  if command -v "$candidate" >/dev/null 2>&1 && "$candidate" --version | grep -q 'version 14\.'; then
    format=$candidate
    break
  fi
done
if [ -z "$format" ]; then
  echo "tools/format.sh: clang-format 14 is needed: apt-get install clang-format-14" >&2
  exit 2
fi

case "${1:-}" in
  --check) mode='--dry-run --Werror' ;;
  '') mode='-i' ;;
  *) echo "usage: tools/format.sh [--check]" >&2; exit 2 ;;
esac

# The folders of the project, not the build directories beside them.
find abi base attach tracer runtime subprocess_shim session spool importer collector report debugger viewer launcher tests benchmarks \
  \( -name '*.cc' -o -name '*.h' -o -name '*.c' \) -print 2>/dev/null | sort |
  xargs "$format" --style=file $mode

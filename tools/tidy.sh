#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs clang-tidy over the sources of what is shipped, as .clang-tidy says but for the static
# analyzer, which takes many times as long.
#
#   tools/tidy.sh BUILD [FILE...]   BUILD is a build folder of Meson's; no FILE: all sources
set -eu
if [ $# = 0 ]; then
  echo 'usage: tools/tidy.sh BUILD [FILE...]' >&2
  exit 2
fi
build=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."
if [ $# = 0 ]; then
  # shellcheck disable=SC2046 # names without spaces
  set -- $(git ls-files '*.cc' '*.c' ':!tests' ':!benchmarks')
fi
# On stderr it counts the warnings that it does not show.
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 clang-tidy-14 -p "$build" --quiet \
  --checks=-clang-analyzer-* 2>/dev/null

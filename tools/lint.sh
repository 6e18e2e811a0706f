#!/usr/bin/env bash
# Format, layers and clang-tidy. By default clang-tidy reads the sources changed since origin/main
# (or since the last commit, without one); --all reads every source.
set -euo pipefail
cd "$(dirname "$0")/.."

all=0
case "${1:-}" in
  "") ;;
  --all) all=1 ;;
  *)
    echo "usage: tools/lint.sh [--all]" >&2
    exit 2
    ;;
esac

mapfile -t sources < <(git ls-files --cached --others --exclude-standard -- 'src/*.h' 'src/*.cc' 'tests/*.h' 'tests/*.cc')

echo "lint: format of ${#sources[@]} files"
clang-format-16 --dry-run --Werror "${sources[@]}"

echo "lint: layers"
tools/check-layers.sh

if ((all)); then
  changed=("${sources[@]}")
else
  base=$(git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD)
  mapfile -t changed < <({
    git diff --name-only "$base" -- 'src/*.cc' 'tests/*.cc'
    git ls-files --others --exclude-standard -- 'src/*.cc' 'tests/*.cc'
  } | sort -u)
fi
units=()
for file in "${changed[@]}"; do
  # The fuzz targets are compiled by another preset, with clang.
  [[ $file == *.cc && $file != tests/fuzz/* && -f $file ]] && units+=("$file")
done
if ((${#units[@]} == 0)); then
  echo "lint: no changed sources for clang-tidy"
  exit 0
fi
echo "lint: clang-tidy over ${#units[@]} files"
cmake --preset release >/dev/null
patterns=()
for file in "${units[@]}"; do patterns+=("$PWD/${file//./\\.}\$"); done
run-clang-tidy-16 -quiet -p build/release "${patterns[@]}" 2>/dev/null

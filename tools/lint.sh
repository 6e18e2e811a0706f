#!/usr/bin/env bash
# Format, hygiene and clang-tidy. lint.sh [--quick | --tidy | --all]: without an argument all three,
# clang-tidy over the sources changed since the merge base with origin/main (or, where there is none,
# since the last commit but one); --quick leaves clang-tidy out, --tidy does it alone, and --all reads
# every source. Of more than TIDY_FILES (16) changed sources it reads so many, spread evenly, and says
# how many it left to --all.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=${1:-}
case "$mode" in
  "" | --quick | --tidy | --all) ;;
  *)
    echo "usage: tools/lint.sh [--quick | --tidy | --all]" >&2
    exit 2
    ;;
esac

mapfile -t sources < <(git ls-files --cached --others --exclude-standard -- \
  'src/*.h' 'src/*.cc' 'src/*.inc' 'tests/*.h' 'tests/*.cc' | while read -r file; do
  [[ -f $file ]] && echo "$file"
done)
if [[ $mode != --tidy ]]; then
  echo "lint: format of ${#sources[@]} files"
  clang-format-16 --dry-run --Werror "${sources[@]}"
  echo "lint: hygiene"
  tools/hygiene.sh
fi
[[ $mode != --quick ]] || exit 0

if [[ $mode == --all ]]; then
  changed=("${sources[@]}")
  most=${#sources[@]}
else
  most=${TIDY_FILES:-16}
  base=$(git merge-base HEAD origin/main 2>/dev/null || true)
  [[ -n $base && $base != $(git rev-parse HEAD) ]] || base=$(git rev-parse -q --verify HEAD~1 || git rev-parse HEAD)
  mapfile -t changed < <({
    git diff --name-only --diff-filter=d "$base" -- 'src/*.cc' 'tests/*.cc'
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
if ((${#units[@]} > most)); then
  echo "lint: ${#units[@]} sources have changed, of which clang-tidy reads $most here; make check-deep reads all"
  spread=()
  for ((i = 0; i < most; ++i)); do spread+=("${units[i * ${#units[@]} / most]}"); done
  units=("${spread[@]}")
fi
echo "lint: clang-tidy over ${#units[@]} files"
# Each source by itself and without precompiled headers: a file that forgets an include is found here.
cmake --preset release -B build/tidy -DCMAKE_UNITY_BUILD=OFF -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
plain=()
tests=()
for file in "${units[@]}"; do
  pattern="$PWD/${file//./\\.}\$"
  if [[ $file == tests/* || $file == *_test.cc ]]; then tests+=("$pattern"); else plain+=("$pattern"); fi
done
status=0
((${#plain[@]} == 0)) || run-clang-tidy-16 -quiet -p build/tidy "${plain[@]}" 2>/dev/null || status=1
# The analyzer takes most of the time of a test, for what GoogleTest's macros expand to.
((${#tests[@]} == 0)) || run-clang-tidy-16 -quiet -p build/tidy -checks='-clang-analyzer-*' "${tests[@]}" 2>/dev/null || status=1
exit "$status"

#!/usr/bin/env bash
# What to run before each commit: the format of the changed files, hygiene, a build of the changed
# folders and their unit tests. Changed: since the last commit, or since REV (check.sh REV).
set -euo pipefail
cd "$(dirname "$0")/.."

base=${1:-HEAD}
mapfile -t changed < <({
  git diff --name-only "$base"
  git ls-files --others --exclude-standard
} | sort -u)
if ((${#changed[@]} == 0)); then
  echo "check: nothing has changed since $base"
  exit 0
fi

sources=()
declare -A folders=()
for file in "${changed[@]}"; do
  [[ -f $file && $file =~ ^(src|tests)/.*\.(h|cc|inc)$ ]] && sources+=("$file")
  [[ $file =~ ^src/([a-z]+)/ ]] && folders[${BASH_REMATCH[1]}]=1
  [[ $file =~ ^src/measure/([a-z]+)/ ]] && folders[measure_${BASH_REMATCH[1]}]=1
done
if ((${#sources[@]} > 0)) && command -v clang-format-16 >/dev/null; then
  echo "check: format of ${#sources[@]} files"
  clang-format-16 --dry-run --Werror "${sources[@]}"
fi
echo "check: hygiene"
tools/hygiene.sh

cmake --preset release >/dev/null
targets=()
pattern=none
for folder in "${!folders[@]}"; do
  pattern+="|${folder}_test|${folder}_text_test"
done
mapfile -t targets < <(cmake --build build/release --target help |
  sed -nE 's/^([a-z0-9_]+_test): phony$/\1/p' | grep -xE "$pattern" || true)
# Tests of folders below may not compile any more; the program tells.
echo "check: build of hadal ${targets[*]:-}"
cmake --build build/release --target hadal ${targets[@]+"${targets[@]}"}
((${#targets[@]} == 0)) && exit 0
tests=$(IFS='|'; echo "${targets[*]}")
ctest --preset release --parallel "$(nproc)" -L unit -R "^($tests)(\..*)?$"

#!/usr/bin/env bash
# Checks the shape of the source tree: a folder of src/ includes only itself and folders above it in
# the list; no file is longer than 800 lines; libraries do not write to stdout or stderr.
set -euo pipefail
cd "$(dirname "$0")/.."

layers=(base numeric json checkpoint text cache ops model engine chat plan bench server cli)
max_lines=800

declare -A rank
for i in "${!layers[@]}"; do rank[${layers[$i]}]=$i; done
faults=0
fault() {
  echo "$*" >&2
  faults=$((faults + 1))
}

for folder in src/*/; do
  name=$(basename "$folder")
  [[ -n ${rank[$name]:-} ]] || fault "src/$name: a folder that tools/check-layers.sh does not know; add it to the list"
done

while IFS=: read -r file line text; do
  from=${file#src/}
  from=${from%%/*}
  to=${text#*\"}
  to=${to%%/*}
  if [[ $to == support && $file == *_test.cc ]]; then
    continue  # tests/support
  elif [[ -z ${rank[$to]:-} ]]; then
    fault "$file:$line: includes \"$to/...\", which is no folder of src/"
  elif ((rank[$to] > ${rank[$from]:-99})); then
    fault "$file:$line: $from may not include from $to, which stands below it"
  fi
done < <(grep -rnE '^#include "' src --include='*.h' --include='*.cc' --include='*.cu' || true)

while read -r lines file; do
  [[ $file != total ]] || continue
  ((lines <= max_lines)) || fault "$file: $lines lines; split it (at most $max_lines)"
done < <(find src tests -name '*.h' -o -name '*.cc' -o -name '*.cu' | xargs wc -l)

while IFS=: read -r file line _; do
  fault "$file:$line: library code writes to stdout or stderr; throw hadal::Error or use a callback"
done < <(grep -rnE 'std::(cout|cerr|clog)|[^a-z_](printf|puts|fprintf|fputs)\(|fmt::print' src \
           --include='*.h' --include='*.cc' --exclude='*_test.cc' --exclude='*_bench.cc' \
           --exclude-dir=cli || true)

((faults == 0)) || exit 1

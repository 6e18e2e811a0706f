#!/usr/bin/env bash
# Two builds of hadal side by side, in turn so that both meet the same machine: tokens per second of
# decoding, prefill and requests at once, and the median of the ratios NEW / OLD.
# Usage: tools/compare-builds.sh OLD NEW [MODEL_DIR [ROUNDS]] (binaries; the built-in model, 5 rounds)
set -euo pipefail

old=${1:?usage: tools/compare-builds.sh OLD NEW [MODEL_DIR [ROUNDS]]}
new=${2:?usage: tools/compare-builds.sh OLD NEW [MODEL_DIR [ROUNDS]]}
model=()
[[ -z ${3:-} ]] || model=(--model "$3")
rounds=${4:-5}

# The figure NAME of a report.
figure() { sed -nE "s/.*\"$1\": *([0-9.e+]+).*/\1/p" | head -1; }
measure() {
  case $2 in
    decode | prefill) "$1" bench "$2" "${model[@]}" --json | figure tokens_per_s ;;
    together | alone) "$1" bench engine "${model[@]}" --json | figure "$2_tokens_per_s" ;;
  esac
}
for what in decode prefill together; do
  ratios=()
  for ((round = 0; round < rounds; ++round)); do
    a=$(measure "$old" "$what")
    b=$(measure "$new" "$what")
    ratios+=("$(awk -v a="$a" -v b="$b" 'BEGIN {printf "%.4f", b / a}')")
    printf '%s: old %.1f, new %.1f tokens/s, ratio %s\n' "$what" "$a" "$b" "${ratios[-1]}"
  done
  median=$(printf '%s\n' "${ratios[@]}" | sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}')
  echo "$what: median ratio $median"
done

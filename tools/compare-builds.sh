#!/usr/bin/env bash
# Two builds of hadal side by side, in turn so that both meet the same machine: tokens per second of
# decoding, prefill, requests at once and one at a time, and the quartiles of the ratios NEW / OLD. A ratio is worth
# what OLD beside itself leaves of it: where others use the machine, that may be several percent.
# Usage: tools/compare-builds.sh OLD NEW [MODEL_DIR [ROUNDS]] (binaries; the built-in model, 5 rounds)
set -euo pipefail

old=${1:?usage: tools/compare-builds.sh OLD NEW [MODEL_DIR [ROUNDS]]}
new=${2:?usage: tools/compare-builds.sh OLD NEW [MODEL_DIR [ROUNDS]]}
model=()
# Thirty-two steps of the built-in model are 8 ms, less than what a busy machine may take away at once.
decode=(--tokens 1000)
if [[ -n ${3:-} ]]; then
  model=(--model "$3")
  decode=()
fi
rounds=${4:-5}

# The figure NAME of a report.
figure() { sed -nE "s/.*\"$1\": *([0-9.e+]+).*/\1/p" | head -1; }
measure() {
  case $2 in
    decode) "$1" bench decode "${model[@]}" "${decode[@]}" --json | figure tokens_per_s ;;
    prefill) "$1" bench prefill "${model[@]}" --json | figure tokens_per_s ;;
    together | alone) "$1" bench engine "${model[@]}" --json | figure "$2_tokens_per_s" ;;
  esac
}
for what in decode prefill together alone; do
  ratios=()
  for ((round = 0; round < rounds; ++round)); do
    # Each is first in turn, so that neither always follows the other.
    if ((round % 2 == 0)); then
      a=$(measure "$old" "$what")
      b=$(measure "$new" "$what")
    else
      b=$(measure "$new" "$what")
      a=$(measure "$old" "$what")
    fi
    ratios+=("$(awk -v a="$a" -v b="$b" 'BEGIN {printf "%.4f", b / a}')")
    printf '%s: old %.1f, new %.1f tokens/s, ratio %s\n' "$what" "$a" "$b" "${ratios[-1]}"
  done
  printf '%s\n' "${ratios[@]}" | sort -n | awk -v what="$what" '
    { v[NR] = $1 }
    END {
      printf "%s: median ratio %s, quartiles %s and %s\n", what, v[int((NR + 1) / 2)],
        v[int((NR + 3) / 4)], v[int((3 * NR + 3) / 4)]
    }'
done

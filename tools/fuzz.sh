#!/usr/bin/env bash
# Builds the libFuzzer targets (preset asan, clang) and runs each for SECONDS (30 by default).
# Usage: tools/fuzz.sh [SECONDS [TARGET...]], for example tools/fuzz.sh 300 tokenizer. New inputs
# that reach new code are kept in build/fuzz-corpus, so a later run goes on where this one stopped.
# What makes a target fail is kept in build/fuzz-findings; replay it with
# build/asan/tests/fuzz/TARGET_fuzz FILE. FUZZ_SEED: where the search begins, another place each
# time unless it is given.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-30}
if ! [[ $seconds =~ ^[0-9]+$ ]]; then
  echo "usage: tools/fuzz.sh [SECONDS [TARGET...]]" >&2
  exit 2
fi
shift $(($# > 0 ? 1 : 0))

build=build/asan
cmake --preset asan >/dev/null
cmake --build "$build" --target fuzz_targets

targets=("$@")
if ((${#targets[@]} == 0)); then
  for file in tests/fuzz/*_fuzz.cc; do
    name=$(basename "$file")
    targets+=("${name%_fuzz.cc}")
  done
fi

# The longest inputs worth trying; the others are small formats.
declare -A max_len=([tokenizer]=16384 [safetensors]=16384 [config]=8192)
findings=build/fuzz-findings
export ASAN_SYMBOLIZER_PATH=${ASAN_SYMBOLIZER_PATH:-$(command -v llvm-symbolizer-16 || true)}
mkdir -p "$findings"
failed=()
for name in "${targets[@]}"; do
  corpus=build/fuzz-corpus/$name
  mkdir -p "$corpus" "tests/fuzz/seeds/$name"
  log=$findings/$name.log
  options=(-max_total_time="$seconds" -max_len="${max_len[$name]:-4096}" -timeout=10
    -rss_limit_mb=2048 -artifact_prefix="$findings/$name-" -print_final_stats=1
    -seed="${FUZZ_SEED:-0}")
  [[ -f tests/fuzz/$name.dict ]] && options+=(-dict="tests/fuzz/$name.dict")
  if "$build/tests/fuzz/${name}_fuzz" "${options[@]}" "$corpus" "tests/fuzz/seeds/$name" \
    >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -1)
    echo "fuzz: $name: ok, $runs runs in ${seconds} s, ${coverage:-cov: ?}"
  else
    failed+=("$name")
    echo "fuzz: $name: FAILED" >&2
    tail -40 "$log" >&2
  fi
done
if ((${#failed[@]} > 0)); then
  echo "fuzz: failing inputs and logs are in $findings: ${failed[*]}" >&2
  exit 1
fi

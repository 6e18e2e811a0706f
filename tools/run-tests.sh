#!/usr/bin/env bash
# Runs the tests of a preset: run-tests.sh PRESET [ARGUMENT OF CTEST...]. Afterwards names what was
# skipped. With HADAL_STRICT=1, as CI has it, a skip that is not on tests/allowed_skips.txt is a
# failure, and so is a kernel that this processor could run and no test did.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:?usage: tools/run-tests.sh PRESET [ARGUMENT OF CTEST...]}
shift
jobs=${JOBS:-$(nproc)}
log=build/$preset/Testing/Temporary/LastTest.log
console=build/$preset/Testing/console.log
rm -f "$log"
mkdir -p "$(dirname "$console")"
status=0
ctest --preset "$preset" --parallel "$jobs" "$@" | tee "$console" || status=$?
[[ -f $log ]] || exit "$status"

# GoogleTest's cases, and whole tests that ended with 77.
skips=$({
  sed -nE 's/^\[  SKIPPED \] ([^ ]+) \([0-9]+ ms\)$/\1/p' "$log"
  sed -nE 's/^[[:space:]]+[0-9]+ - ([^ ]+) \(Skipped\).*$/\1/p' "$console"
} | sort -u)
unexpected=()
while read -r name; do
  [[ -n $name ]] || continue
  allowed=0
  while read -r pattern _; do
    [[ -z $pattern || $pattern == \#* ]] && continue
    [[ $name =~ ^$pattern$ ]] && allowed=1
  done <tests/allowed_skips.txt
  ((allowed)) || unexpected+=("$name")
done <<<"$skips"
if [[ -n $skips ]]; then
  echo "skipped: $(wc -l <<<"$skips"), all of them on tests/allowed_skips.txt but ${#unexpected[@]}"
fi
if ((${#unexpected[@]} > 0)); then
  echo "skipped, and not on tests/allowed_skips.txt:" >&2
  printf '  %s\n' "${unexpected[@]}" >&2
  [[ ${HADAL_STRICT:-0} != 1 ]] || status=1
fi

# Only where the kernels' tests were asked for.
if [[ $(uname -m) == x86_64 ]] && grep -q '^\[       OK \] .*EveryIsa' "$log"; then
  has() { grep -qm1 -w "$1" /proc/cpuinfo; }
  want() {
    grep -qE "^\[       OK \] .*EveryIsa.*/$1 " "$log" && return
    echo "this processor has what the $1 kernels need, and no test ran them" >&2
    [[ ${HADAL_STRICT:-0} != 1 ]] || status=1
  }
  # What AVX-VNNI adds is emulated where it is missing.
  if has avx2; then want avx2; want avx_vnni; want avx_vnni_int8; fi
  if has avx512_vnni; then want avx512; fi
  if has avx512_bf16; then want avx512_bf16; fi
fi
exit "$status"

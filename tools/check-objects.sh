#!/usr/bin/env bash
# What the objects of a build say: check-objects.sh BUILD [CHECK...]
#   isa     only the kernels of an instruction set hold its instructions, and they share no inline
#           function with other files (the linker could keep their copy for everyone)
#   unused  no function of the libraries is left that neither the program nor a test needs
#   twice   no two libraries define the same function: the linker would take either, silently
# Without CHECK all of them.
set -euo pipefail
cd "$(dirname "$0")/.."

build=${1:?usage: tools/check-objects.sh BUILD [CHECK...]}
shift
checks=("$@")
((${#checks[@]} > 0)) || checks=(isa unused twice)
faults=0
fault() {
  echo "check-objects: $*" >&2
  faults=$((faults + 1))
}

is_kernel() {
  [[ $1 == */ops/*/cpu/avx* || $1 == */bench/*/probe_avx* ]]
}

check_isa() {
  [[ $(uname -m) == x86_64 ]] || return 0
  local object
  while read -r object; do
    if is_kernel "$object"; then
      if nm -C "$object" | grep -qE ' [WVu] '; then
        fault "$object shares functions with other files:"
        nm -C "$object" | grep -E ' [WVu] ' | head -5 >&2
      fi
    elif objdump -d --no-show-raw-insn "$object" | grep -qE '[[:space:]]v[a-z0-9]+[[:space:]]+.*%[xyz]mm|%k[1-7]\b'; then
      fault "$object has instructions beyond x86-64-v2:"
      objdump -d --no-show-raw-insn "$object" |
        grep -E '^[0-9a-f]+ <|[[:space:]]v[a-z0-9]+[[:space:]]+.*%[xyz]mm|%k[1-7]\b' |
        grep -B1 -E '%[xyz]mm|%k' | head -4 >&2
    fi
  done < <(find "$build/src" -path '*/hadal_*.dir/*.o')
}

check_twice() {
  local twice
  twice=$(find "$build/src" -name 'libhadal_*.a' -exec nm --defined-only {} \; 2>/dev/null |
    awk '$2 == "T" && $3 ~ /5hadal/ {print $3}' | sort | uniq -d | c++filt)
  if [[ -n $twice ]]; then
    fault "functions that are defined twice:"
    echo "$twice" >&2
  fi
}

# Functions of namespace hadal that the libraries define and no executable of the build holds once
# the linker has left out what nothing refers to. Destructors come in several forms, of which some
# are always left.
check_unused() {
  local defined used unused
  defined=$(mktemp)
  used=$(mktemp)
  find "$build/src" -name 'libhadal_*.a' -exec nm --defined-only {} + 2>/dev/null |
    awk '$2 == "T" && $3 ~ /^_ZN?K?.*5hadal/ && $3 !~ /D[012]Ev$/ {print $3}' | sort -u >"$defined"
  find "$build" -type f -executable ! -name '*.so*' ! -name '*.a' ! -name '*.o' -exec nm --defined-only {} + 2>/dev/null |
    awk '{print $NF}' | sort -u >"$used"
  unused=$(comm -23 "$defined" "$used" | c++filt | grep '^hadal::' || true)
  rm -f "$defined" "$used"
  if [[ -n $unused ]]; then
    fault "functions that nothing needs:"
    echo "$unused" >&2
  fi
}

for check in "${checks[@]}"; do
  case $check in
    isa) check_isa ;;
    unused) check_unused ;;
    twice) check_twice ;;
    *) echo "check-objects: no check is called $check" >&2; exit 2 ;;
  esac
done
((faults == 0))

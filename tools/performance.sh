#!/usr/bin/env bash
# Measures what docs/performance.md records: every kernel beside the machine's limits, and whole
# steps of two synthetic models with Flash's widths. Prints the table of targets and what was
# reached; the reports stay in build/performance.
#
#   tools/performance.sh           everything, about 10 minutes after the models are there
#   tools/performance.sh --quick   fewer shapes and tokens
#
# The models take 16 GB in build/synth (made once). HADAL names another binary, THREADS another
# number of threads than two, MODELS another directory for the models, ISA another instruction set
# than the best of the processor.
set -euo pipefail
cd "$(dirname "$0")/.."

quick=0
case ${1:-} in
  '') ;;
  --quick) quick=1 ;;
  *)
    sed -n '2,12s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac

hadal=${HADAL:-build/release/bin/hadal}
threads=${THREADS:-2}
models=${MODELS:-build/synth}
isa=()
[[ -z ${ISA:-} ]] || isa=(--isa "$ISA")
out=build/performance
needed_gb=17
commit=$(git rev-parse --short HEAD 2> /dev/null || echo unknown)

if [[ ! -x $hadal ]]; then
  cmake --preset release
  cmake --build --preset release --target hadal
fi
mkdir -p "$models" "$out"

for layers in 4 6; do
  model=$models/flash-$layers
  [[ -e $model/config.json ]] && continue
  free_gb=$(df --output=avail -BG "$models" | tail -1 | tr -dc 0-9)
  if ((free_gb < needed_gb)); then
    echo "tools/performance.sh: $models has $free_gb GB free, the models need $needed_gb" >&2
    exit 1
  fi
  "$hadal" synth flash "$model" --layers "$layers" --experts 64
done
many=$models/flash-6
few=$models/flash-4

# Files just written lie in the page cache in small pages. Read again, they come in large ones, as
# after a restart of the machine. The first run makes the int8 form of the weights.
fresh_pages() {
  sync
  for file in "$models"/flash-?/*.safetensors "$models"/flash-?/.hadal/*.bin; do
    if [[ -e $file ]]; then dd if="$file" iflag=nocache count=0 status=none; fi
  done
}
for model in "$many" "$few"; do
  if ! compgen -G "$model/.hadal/*.bin" > /dev/null; then
    "$hadal" bench decode --model "$model" --tokens 1 --activations int8 > /dev/null
  fi
done
fresh_pages

# report NAME OPTIONS...: runs hadal bench and keeps its JSON.
report() {
  local name=$1
  shift
  echo "hadal bench $*" >&2
  "$hadal" bench "$@" "${isa[@]}" --json > "$out/$name.json"
}

kernels=()
prefill=512
steps=32
if ((quick)); then
  kernels=(--quick)
  prefill=128
  steps=8
fi
report kernels kernels --threads "$threads" "${kernels[@]}"
decode=(decode --model "$many" --difference "$few" --threads "$threads" --tokens "$steps")
report decode_int8 "${decode[@]}" --activations int8 --context 4096
report decode_fp8 "${decode[@]}" --activations fp8 --context 4096
report decode_batch "${decode[@]}" --activations int8 --context 4096 --batch 8
report decode_long "${decode[@]}" --activations int8 --context 524288
fill=(prefill --model "$many" --tokens "$prefill")
report prefill_int8 "${fill[@]}" --activations int8 --difference "$few" --threads "$threads"
report prefill_one "${fill[@]}" --activations int8 --threads 1
report prefill_all "${fill[@]}" --activations int8 --threads "$threads"
report prefill_fp8 "${fill[@]}" --activations fp8 --difference "$few" --threads "$threads"

# number FILE KEY [N]: the Nth value of a key, in the order of the file.
number() {
  awk -v key="\"$2\":" -v nth="${3:-1}" \
    '$1 == key && ++seen == nth { gsub(",", "", $2); print $2; exit }' "$out/$1.json"
}

# ratio GROUP THREADS FIELD: of the summary of the kernels.
ratio() {
  awk -v group="\"group\": \"$1\"," -v threads="\"threads\": $2," -v field="\"$3\":" '
    /"summary":/ { inside = 1 }
    inside && index($0, group) { matched = 1 }
    inside && matched && index($0, "\"threads\":") && !index($0, threads) { matched = 0 }
    inside && matched && $1 == field { gsub(",", "", $2); printf "%.2f", $2; exit }' \
    "$out/kernels.json"
}

row() { printf '| %s | %s | %s |\n' "$1" "$2" "$3"; }
quotient() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
rounded() { printf "%.${2:-2}f" "$1"; }

# Targets of AVX-512, and of instruction sets with registers of 256 bits.
target() {
  case $(sed -n 's/^  "isa": "\(.*\)",$/\1/p' "$out/kernels.json") in
    avx2 | avx-vnni*) printf %s "$2" ;;
    *) printf %s "$1" ;;
  esac
}

group_row() {
  [[ -n $(ratio "$3" 1 median_ratio) ]] || return 0
  row "$1" "$2" "$(ratio "$3" 1 median_ratio) (least $(ratio "$3" 1 least_ratio)), $threads threads \
$(ratio "$3" "$threads" median_ratio) (least $(ratio "$3" "$threads" least_ratio))"
}

echo
echo "commit $commit, $(date -u +%Y-%m-%d), \
$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), ${ISA:-best instruction set}, $threads threads"
echo "read $(rounded "$(number kernels read_gb_per_s 1)" 1) GB/s with one thread, \
$(rounded "$(number kernels read_gb_per_s 2)" 1) with $threads"
echo
row figure target reached
echo '|---|---|---|'
group_row 'FP4 × int8 GEMV, of its limit' "$(target '≥ 0.82' '≥ 0.85')" 'linear fp4 x int8, 1 row'
group_row 'int8 × int8 GEMV (FP8 repacked)' "$(target '≥ 0.92' '≥ 0.85')" 'linear int8 x int8, 1 row'
group_row 'FP8 × bf16 GEMV, exact' '≥ 0.78' 'linear fp8 x bf16, 1 row'
group_row 'FP8 × float GEMV' "$(target reported '≥ 0.80')" 'linear fp8 x f32, 1 row'
group_row 'BF16 × float GEMV' "$(target '≥ 0.90' '≥ 0.80')" 'linear bf16 x f32, 1 row'
group_row 'FP4 × bf16 GEMV (under fp8)' 'reported' 'linear fp4 x bf16, 1 row'
group_row 'grouped FP4 × int8, 32 rows and more' '≥ 0.65' 'experts fp4 x int8, 32 rows and more'
group_row 'grouped FP4 × bf16, 32 rows and more' 'reported' 'experts fp4 x bf16, 32 rows and more'
group_row 'attention, of the FMA peak' 'reported' 'attention'
group_row 'int8 × int8, several rows' 'reported' 'linear int8 x int8, rows'
row 'one layer, decode at 4K, batch 1' "$(target '≤ 9 ms' reported)" "$(rounded "$(number decode_int8 ms_of_one_layer)") ms"
row '  of its roofline' '≥ 0.80' "$(rounded "$(number decode_int8 share 2)")"
row '  under fp8' 'reported' "$(rounded "$(number decode_fp8 ms_of_one_layer)") ms, \
$(rounded "$(number decode_fp8 share 2)") of its roofline"
row "prefill of $prefill, a token and layer" "$(target '≤ 2.0 ms' '≤ 3.7 ms')" \
  "$(rounded "$(number prefill_int8 ms_of_one_layer_and_token)") ms, \
$(rounded "$(number prefill_int8 share 2)") of its roofline"
row '  under fp8' 'reported' "$(rounded "$(number prefill_fp8 ms_of_one_layer_and_token)") ms, \
$(rounded "$(number prefill_fp8 share 2)") of its roofline"
row 'batch 8 over batch 1, tokens/s' '≥ 2.3' \
  "$(quotient "$(number decode_batch tokens_per_s)" "$(number decode_int8 tokens_per_s)"), layers \
alone $(awk -v a="$(number decode_int8 ms_of_one_layer)" -v b="$(number decode_batch ms_of_one_layer)" \
    'BEGIN { printf "%.2f", 8 * a / b }')"
row 'layers at 512K over 4K, time' '≤ 1.6' \
  "$(quotient "$(number decode_long ms_of_one_layer)" "$(number decode_int8 ms_of_one_layer)")"
row "$threads threads over one, prefill" '≥ 1.9' \
  "$(quotient "$(number prefill_all tokens_per_s)" "$(number prefill_one tokens_per_s)")"

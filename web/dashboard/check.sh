#!/usr/bin/env bash
# Types and unit tests of the page: check.sh MODULES OUT. MODULES is where tools/setup-npm.sh put
# node_modules; without it there is nothing to test with (exit status 77).
set -euo pipefail
modules=$1
out=$2
cd "$(dirname "$0")"
[[ -d $modules/node_modules/typescript ]] || exit 77
"$modules/node_modules/.bin/tsc" -p . --noEmit
node bundle.mjs "$modules" "$out" --tests
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
NO_COLOR=1 exec node --test --test-reporter=spec "$out"/*.mjs

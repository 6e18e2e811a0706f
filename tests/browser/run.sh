#!/usr/bin/env bash
# Drives the dashboard in a browser: run.sh HADAL FIXTURE_STORE MODULES OUT [SCRIPT]. Without a script
# the tests; redraw.mjs measures. Skipped (exit status 77) where playwright-core or chromium is
# missing; tools/setup-npm.sh and tools/setup-debian.sh fetch them.
set -euo pipefail
hadal=$(realpath "$1")
fixture=$(realpath "$2")
modules=$(realpath -m "$3")
out=$(realpath -m "$4")
here=$(cd "$(dirname "$0")" && pwd)

if ! cmp -s "$here/package-lock.json" "$modules/installed-package-lock.json"; then
  echo "browser: skipped, for playwright-core is not in $modules; tools/setup-npm.sh fetches it" >&2
  exit 77
fi
chromium=$(command -v chromium || command -v chromium-browser || true)
if [[ -z $chromium ]]; then
  echo "browser: skipped, for chromium is not here; tools/setup-debian.sh installs it" >&2
  exit 77
fi
export HADAL_BINARY=$hadal FIXTURE_STORE=$fixture BROWSER_MODULES=$modules BROWSER_OUT=$out CHROMIUM=$chromium
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export NO_COLOR=1
if [[ -n ${5:-} ]]; then exec node "$here/$5"; fi
exec node --test --test-reporter=spec "$here"/*.test.mjs

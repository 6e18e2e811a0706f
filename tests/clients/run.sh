#!/usr/bin/env bash
# Runs one suite of this folder with node's test runner: run.sh SUITE HADAL FOLDER. The libraries of a
# suite that has a package.json lie in FOLDER, where tools/setup-npm.sh puts them; without them the
# suite is skipped (exit status 77). No network is needed.
set -euo pipefail
suite=$1
hadal=$2
folder=$3
here=$(cd "$(dirname "$0")" && pwd)

fail() {
  echo "clients: $*" >&2
  exit 1
}

for program in node npm curl; do
  command -v "$program" >/dev/null ||
    fail "$program is missing; tools/setup-debian.sh installs it (or leave these tests out: ctest -LE clients)"
done
major=$(node -p 'process.versions.node.split(".")[0]')
((major >= 18)) || fail "node is of version $major, and these tests need 18 or later"

if [[ -f $here/$suite/package.json ]] &&
  ! cmp -s "$here/$suite/package-lock.json" "$folder/installed-package-lock.json"; then
  echo "clients: skipped, for the libraries of tests/clients/$suite are not in $folder; tools/setup-npm.sh fetches them" >&2
  exit 77
fi

export HADAL_BINARY=$hadal HADAL_SOURCE_DIR=$here/../.. HADAL_CLIENT_MODULES=$folder
# Neither proxies nor colours of the machine, whose names differ in case.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export NO_COLOR=1
exec node --test --test-reporter=spec "$here/$suite/"*.test.mjs

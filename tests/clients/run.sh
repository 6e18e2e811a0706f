#!/usr/bin/env bash
# Runs one suite of this folder with node's test runner: run.sh SUITE HADAL FOLDER. A suite that has
# a package.json gets its libraries installed in FOLDER (of the build tree), once for each
# package-lock.json; after that no network is needed.
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

mkdir -p "$folder"
if [[ -f $here/$suite/package.json ]]; then
  stamp=$folder/installed-package-lock.json
  if ! cmp -s "$here/$suite/package-lock.json" "$stamp"; then
    rm -f "$stamp"
    cp "$here/$suite/package.json" "$here/$suite/package-lock.json" "$folder/"
    if ! (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --prefer-offline) \
      >"$folder/npm.log" 2>&1; then
      tail -n 20 "$folder/npm.log" >&2
      fail "npm could not install the libraries of tests/clients/$suite (its log is above, and in $folder/npm.log); the first run needs npm's registry, later ones no network (or leave these tests out: ctest -LE clients)"
    fi
    cp "$here/$suite/package-lock.json" "$stamp"
  fi
fi

export HADAL_BINARY=$hadal HADAL_SOURCE_DIR=$here/../.. HADAL_CLIENT_MODULES=$folder
# Neither proxies nor colours of the machine, whose names differ in case.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export NO_COLOR=1
exec node --test --test-reporter=spec "$here/$suite/"*.test.mjs

#!/usr/bin/env bash
# Runs the whole CI on a fresh clone of HEAD, so that nothing untracked is needed by accident.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -n $(git status --porcelain) ]]; then
  echo "check-fresh: uncommitted changes are left out" >&2
fi
clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
git clone --quiet --no-hardlinks . "$clone/hadal"
"$clone/hadal/.ci/run"

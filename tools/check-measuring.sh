#!/usr/bin/env bash
# Builds the program without engine, model and Boost, as who only measures builds it, and asks it
# something. What the compiler's cache has of another build is taken from there.
set -euo pipefail
cd "$(dirname "$0")/.."

cmake -S . -B build/measuring -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=ON \
  -DHADAL_ENGINE=OFF -DHADAL_TESTS=OFF >/dev/null
cmake --build build/measuring --target hadal
hadal=build/measuring/bin/hadal
"$hadal" measure costs --published >/dev/null
if "$hadal" serve 2>/dev/null; then
  echo "check-measuring: hadal serve is there without an engine" >&2
  exit 1
fi
if ldd "$hadal" | grep -q boost; then
  echo "check-measuring: Boost is linked" >&2
  exit 1
fi

#!/usr/bin/env bash
# The load client beside a plain one of Python's asyncio and aiohttp (Debian's python3-aiohttp), on
# the same streams of the same server in one run: events for each second of processor time.
# usage: tools/compare-clients.sh [HADAL] [STREAMS]
set -euo pipefail
cd "$(dirname "$0")/.."

hadal=${1:-build/release/bin/hadal}
streams=${2:-500}
rounds=${ROUNDS:-3}
python=/usr/bin/python3
"$python" -c 'import aiohttp' 2>/dev/null || {
  echo "compare-clients: python3-aiohttp is missing; install it (apt-get install python3-aiohttp)" >&2
  exit 2
}

served=$(mktemp)
"$hadal" measure selftest --serve >"$served" &
server=$!
trap 'kill $server 2>/dev/null; rm -f "$served"' EXIT
until [[ -s $served ]]; do sleep 0.1; done
url=$(cat "$served")

field() { "$python" -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

printf '%-10s %16s %16s %16s %16s %8s\n' "" "hadal, bulk" "aiohttp, bulk" "hadal, paced" "aiohttp, paced" "ratio"
for ((round = 1; round <= rounds; ++round)); do
  ours=$("$hadal" measure selftest --streams "$streams" --json)
  bulk=$("$python" tools/aiohttp-client.py "$url/2000/0/0" 64)
  paced=$("$python" tools/aiohttp-client.py "$url/100/0.5/0.05" "$streams")
  our_bulk=$(field flood_events_per_core_second <<<"$ours")
  our_paced=$(field paced_events_per_core_second <<<"$ours")
  "$python" - "$round" "$our_bulk" "$bulk" "$our_paced" "$paced" <<'PY'
import sys
name, a, b, c, d = sys.argv[1], *map(float, sys.argv[2:])
print(f"round {name:<4} {a:16,.0f} {b:16,.0f} {c:16,.0f} {d:16,.0f}   {a / b:.1f}, {c / d:.1f}")
PY
done
echo "events a second of processor time; bulk: as fast as they come; paced: 20 a second and stream"

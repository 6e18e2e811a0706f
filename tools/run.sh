#!/usr/bin/env bash
# What `make run` does after setting up: builds, starts the server, waits until it is healthy, asks
# it one question, and serves until Ctrl-C. Environment: MODEL (directory; default: the built-in
# nano), PORT (default 8000), ONCE=1 (stop after the answer).
set -euo pipefail
cd "$(dirname "$0")/.."

port=${PORT:-8000}
address="http://127.0.0.1:$port"
health_timeout_s=${HEALTH_TIMEOUT:-120}
log=build/run.log
hadal=build/release/bin/hadal

say() { printf '\033[1m%s\033[0m\n' "$*"; }
[[ -t 1 ]] || say() { printf '%s\n' "$*"; }

say "[1/4] building (the first time takes a few minutes)"
mkdir -p build
if ! { cmake --preset release && cmake --build --preset release --target hadal; } >build/build.log 2>&1; then
  tail -n 40 build/build.log >&2
  echo "run: the build failed; the whole log is in build/build.log" >&2
  exit 1
fi

say "[2/4] starting the server on $address"
arguments=(serve --port "$port")
[[ -z ${MODEL:-} ]] || arguments+=(--model "$MODEL")
"$hadal" "${arguments[@]}" >"$log" 2>&1 &
server=$!
stop_server() {
  kill -TERM "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
}
trap stop_server EXIT
trap 'exit 0' INT  # the way to end it
trap 'exit 143' TERM

say "[3/4] waiting until it answers"
deadline=$((SECONDS + health_timeout_s))
# The log line comes first: something else may already answer on this port.
until grep -q " on http://" "$log" &&
  curl --silent --fail --max-time 2 --output /dev/null "$address/health"; do
  if ! kill -0 "$server" 2>/dev/null; then
    cat "$log" >&2
    echo "run: the server did not start" >&2
    exit 1
  fi
  if ((SECONDS >= deadline)); then
    cat "$log" >&2
    echo "run: no answer from $address/health within $health_timeout_s s; set HEALTH_TIMEOUT=seconds for a slow machine" >&2
    exit 1
  fi
  sleep 0.2
done

question="Here are my notes. The code for the blue door is 4821. Anna lives in Lisbon. We drank tea and talked for an hour. The key is under the stairs. Victor has a white owl. The meeting with Rosa is on Friday. What is the code for the blue door?"
say "[4/4] asking: $question"
if ! reply=$(curl --silent --show-error --fail-with-body --max-time 600 "$address/v1/chat/completions" \
  -H 'Content-Type: application/json' \
  -d "{\"messages\":[{\"role\":\"user\",\"content\":\"$question\"}],\"temperature\":0,\"max_tokens\":64}"); then
  echo "run: the question was refused: $reply" >&2
  exit 1
fi
answer=$(sed -n 's/.*"content": *"\(\([^"\\]\|\\.\)*\)".*/\1/p' <<<"$reply")
if [[ -z $answer ]]; then
  echo "run: no answer in the reply: $reply" >&2
  exit 1
fi
say "answer: $(printf '%b' "$answer")"

if [[ ${ONCE:-} == 1 ]]; then
  exit 0
fi
say "serving on $address (OpenAI form: $address/v1/chat/completions); Ctrl-C stops"
wait "$server"

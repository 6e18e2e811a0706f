#!/usr/bin/env python3
"""How often the 95 % interval of one run holds the mean of the other runs of the same load.
Serves the built-in model, runs `hadal measure run` several times over some concurrencies, and
counts, for each figure, the runs whose interval covers the mean of the others.
usage: interval-coverage.py [HADAL] [RUNS] [SECONDS] [REPEATS]
SECONDS are of each point and repeat; by default 5 runs of 5 repeats of 4 s."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

CONCURRENCIES = [1, 2, 4, 8, 16]
FIGURES = [
    "ttft.first_token/1",
    "tpot.excl_first/1",
    "itl.pooled/1",
    "e2e/1",
    "interactivity.tpot/1",
    "rate.output_tokens/1",
    "rate.total_tokens/1",
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(url, server):
    for _ in range(100):
        if server.poll() is not None:
            sys.exit("interval-coverage: the server ended at once")
        try:
            urllib.request.urlopen(url + "/health", timeout=1).read()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("interval-coverage: the server does not answer")


def measure(hadal, url, seconds, repeats):
    """The loads of one run by concurrency, each {figure: (mean, low, high)}."""
    loads = ",".join(map(str, CONCURRENCIES))
    command = [hadal, "measure", "run", "--url", url, "--workload", "256:64", "-c", loads]
    command += ["--requests", "1000000", "--duration", str(seconds), "--repeats", str(repeats)]
    command += ["--store", "none", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    points = {}
    for load in json.loads(done.stdout)["loads"]:
        figures = {}
        for metric in load["metrics"]:
            interval = (metric.get("ci95") or {}).get("mean")
            if metric["id"] in FIGURES and interval:
                figures[metric["id"]] = (metric["mean"], *interval)
        points[load["load"]["concurrency"]] = figures
    return points


def main():
    hadal = sys.argv[1] if len(sys.argv) > 1 else "build/release/bin/hadal"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 4
    repeats = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [hadal, "serve", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ,
    )
    try:
        wait_until_ready(url, server)
        runs = []
        for number in range(count):
            print(f"run {number + 1} of {count}", file=sys.stderr)
            runs.append(measure(hadal, url, seconds, repeats))
    finally:
        server.terminate()
        server.wait()
    covered = dict.fromkeys(FIGURES, 0)
    tried = dict.fromkeys(FIGURES, 0)
    for load in CONCURRENCIES:
        for figure in FIGURES:
            values = [run[load][figure] for run in runs if figure in run.get(load, {})]
            for place, (_, low, high) in enumerate(values):
                others = [v[0] for other, v in enumerate(values) if other != place]
                if not others:
                    continue
                tried[figure] += 1
                covered[figure] += low <= sum(others) / len(others) <= high
    for figure in FIGURES:
        if tried[figure]:
            print(f"{figure:<24} {covered[figure]:>4} of {tried[figure]:>4}  {covered[figure] / tried[figure]:.0%}")
    total = sum(tried.values())
    print(f"{'all':<24} {sum(covered.values()):>4} of {total:>4}  {sum(covered.values()) / max(1, total):.0%}")


if __name__ == "__main__":
    main()

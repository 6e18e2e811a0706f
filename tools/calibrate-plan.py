#!/usr/bin/env python3
"""Fits the planner's constants to the calibration half of data/published.json, as docs/planning.md
tells: coordinate descent from the values of data/plan-constants.json, one family after another, with
a pull back to them. The other half is never read. Prints what moved; --write stores it in the table.
With --local FILE... the processor's constants are fitted to these measurements of hadal bench instead.
usage: calibrate-plan.py HADAL [--families nvidia,amd] [--passes N] [--write] [--local FILE...]"""

import argparse
import collections
import json
import math
import os
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLE = os.path.join(ROOT, "data", "plan-constants.json")
POINTS = os.path.join(ROOT, "data", "published.json")
# What no rate of a point can tell, or what is known apart.
FIXED = {"steady_share", "routing_skew", "expert_imbalance"}
# Rows that are no measurement of a rate at a load.
UNFIT = {
    "run_accuracy_broken",
    "submission_invalid_short_run",
    "rate_basis_unclear",
    "throughput_ignores_prefill_time",
    "best_over_engines",
    "conditions_thin",
    "queueing_ttft",
}
PULL = 0.003
LEAST_GAIN = 1e-5


def in_calibration_half(group):
    """The rule of src/plan/validation.cc: FNV-1a of the name, bit 16 clear."""
    value = 2166136261
    for byte in group.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return (value >> 16) & 1 == 0


def calibration_points():
    with open(POINTS) as file:
        rows = json.load(file)["points"]
    return [
        row
        for row in rows
        if in_calibration_half(row["group"])
        and not UNFIT & set(row.get("flags", []))
        and row.get("concurrency") is not None
    ]


class Fit:
    def __init__(self, hadal, path, start):
        self.hadal, self.path, self.start = hadal, path, start
        with open(path) as file:
            self.rows = collections.Counter(row["group"] for row in json.load(file))
        self.evaluations = 0

    def loss(self, values):
        """Mean |log(predicted / measured)| of rates and speeds, a curve as the root of its rows,
        with errors above e^0.5 counted twice; and the pull."""
        self.evaluations += 1
        command = [self.hadal, "plan", "validate", "--json", "--points", self.path]
        for name, value in values.items():
            command += ["--assume", f"{name}={value:.6g}"]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        total = weights = 0
        for point in json.loads(out)["points"]:
            weight = self.rows[point["group"]] ** -0.5
            for what in ("total_tok_s_per_gpu", "interactivity"):
                predicted, measured = point["predicted_" + what], point["measured_" + what]
                if predicted and measured:
                    error = abs(math.log(predicted / measured))
                    total += weight * (min(error, 1) + max(0, min(error, 1.5) - 0.5))
                    weights += weight
        return total / weights + self.pull(values)

    def pull(self, values):
        return PULL * sum(abs(math.log(v / self.start[k])) for k, v in values.items())

    def descend(self, passes):
        values = dict(self.start)
        best = first = self.loss(values)
        steps = dict.fromkeys(values, 1.3)
        for number in range(passes):
            before = best
            for name in sorted(values):
                for factor in (steps[name], 1 / steps[name]):
                    trial = dict(values)
                    trial[name] = min(values[name] * factor, most(name))
                    if trial[name] == values[name]:
                        continue
                    loss = self.loss(trial)
                    if loss < best - LEAST_GAIN:
                        best, values = loss, trial
                        steps[name] = min(steps[name] ** 1.3, 1.8)
                        break
                else:
                    steps[name] = max(steps[name] ** 0.6, 1.03)
            print(f"pass {number + 1}: {best:.5f}, {self.evaluations} evaluations", flush=True)
            if best > before - LEAST_GAIN and max(steps.values()) < 1.05:
                break
        return first, best, values


class LocalFit(Fit):
    def __init__(self, hadal, files, start):
        self.hadal, self.files, self.start = hadal, files, start
        self.evaluations = 0

    def loss(self, values):
        """Mean |log(predicted / measured)| of steps, and the pull."""
        self.evaluations += 1
        command = [self.hadal, "plan", "validate", "--json"]
        for file in self.files:
            command += ["--local", file]
        for name, value in values.items():
            command += ["--assume", f"{name}={value:.6g}"]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        points = json.loads(out)["points"]
        errors = [abs(math.log(p["predicted_ms"] / p["measured_ms"])) for p in points]
        return sum(errors) / len(errors) + self.pull(values)


def most(name):
    """Shares are parts of a peak; nothing reaches all of it."""
    if "share" in name:
        return 0.95
    return 1.0 if any(word in name for word in ("overlap", "fp4_use", "gathering")) else 1e9


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("hadal")
    parser.add_argument("--families", default="blackwell,hopper,amd,workstation,other")
    parser.add_argument("--passes", type=int, default=8)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--local", nargs="+", default=[])
    options = parser.parse_args()
    families = ["cpu"] if options.local else options.families.split(",")
    with open(TABLE) as file:
        table = json.load(file)
    start = {
        f"{row['name']}.{family}": row["values"][family]
        for row in table["constants"]
        for family in families
        if row["name"] not in FIXED and row["values"][family] > 0
    }
    if options.local:
        first, best, values = LocalFit(options.hadal, options.local, start).descend(options.passes)
    else:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(calibration_points(), file)
            file.flush()
            first, best, values = Fit(options.hadal, file.name, start).descend(options.passes)
    print(f"{len(start)} constants: {first:.5f} -> {best:.5f}")
    for name in sorted(start):
        if values[name] != start[name]:
            print(f"{name:36} {start[name]:8.4g} -> {values[name]:8.4g}")
    if options.write:
        for row in table["constants"]:
            for family in row["values"]:
                name = f"{row['name']}.{family}"
                if values.get(name, row["values"][family]) != row["values"][family]:
                    row["values"][family] = float(f"{values[name]:.4g}")
                    if family not in row["calibrated"]:
                        row["calibrated"].append(family)
        with open(TABLE, "w") as file:
            json.dump(table, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()

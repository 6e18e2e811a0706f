#!/usr/bin/env python3
"""The planner's predictions for this machine against whole steps measured on it.
Writes checkpoints of three shapes with random weights, measures decode steps and prefills of each
(three batches, two contexts, every instruction set asked for), and ends with what
`hadal plan validate --local` says of all of them. Nothing else should run meanwhile.
usage: validate-local.py [--hadal FILE] [--dir DIR] [--isa LIST] [--shapes LIST]
DIR (default: local-validation in the temporary directory, 24 GB) keeps the checkpoints and the
measurements; what is there already is not measured again. Without --isa: all that this processor has."""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SHAPES = {
    "flash": ["flash", "--layers", "4", "--experts", "64"],
    "thin": ["flash", "--layers", "8", "--experts", "16"],
    "pro": ["pro", "--layers", "2", "--experts", "24"],
}
ISAS = ["avx2", "avx-vnni", "avx-vnni-int8", "avx512", "avx512-bf16"]
DECODE = [(batch, context) for batch in (1, 4, 16) for context in (1024, 16384)]
PREFILL = [(batch, context) for batch in (1, 2, 4) for context in (0, 4096)]


def available(hadal):
    """The instruction sets that hadal does not refuse here."""
    command = [hadal, "bench", "decode", "--tokens", "1", "--json", "--isa"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return [isa for isa in ISAS if subprocess.run([*command, isa], check=False, **quiet).returncode == 0]


def runs(isas, shapes):
    """(name of the file, arguments of hadal bench) of every measurement."""
    for shape in shapes:
        for isa in isas:
            for kind, points, tokens in (("decode", DECODE, "12"), ("prefill", PREFILL, "128")):
                for batch, context in points:
                    name = f"{shape}-{isa}-{kind}-{batch}x{context}.json"
                    arguments = ["bench", kind, "--isa", isa, "--batch", str(batch)]
                    arguments += ["--context", str(context), "--tokens", tokens, "--json"]
                    yield shape, name, arguments


def make_checkpoint(hadal, directory, shape):
    """Just before it is measured, so that it lies in memory, and all of it on disk: neither reading
    another shape's weights back in nor writing its own out may go on meanwhile."""
    if (directory / shape).exists():
        return
    # Whole or not at all, whenever this is interrupted.
    unfinished = directory / (shape + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    command = [hadal, "synth", SHAPES[shape][0], str(unfinished)]
    if subprocess.run(command + SHAPES[shape][1:], check=False).returncode != 0:
        sys.exit("validate-local: no checkpoint could be written; free space or give --dir")
    unfinished.rename(directory / shape)
    os.sync()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hadal", default="build/release/bin/hadal")
    parser.add_argument("--dir", default=pathlib.Path(tempfile.gettempdir()) / "local-validation")
    parser.add_argument("--isa", help="with commas between several")
    parser.add_argument("--shapes", default=",".join(SHAPES))
    asked = parser.parse_args()
    if shutil.which(asked.hadal) is None:
        sys.exit(f"validate-local: {asked.hadal} is no program; run make build, or name one with --hadal")
    directory = pathlib.Path(asked.dir)
    directory.mkdir(parents=True, exist_ok=True)
    shapes = asked.shapes.split(",")
    for shape in shapes:
        if shape not in SHAPES:
            sys.exit(f"validate-local: {shape} is no shape; use some of {', '.join(SHAPES)}")
    isas = asked.isa.split(",") if asked.isa else available(asked.hadal)
    measurements = list(runs(isas, shapes))
    for count, (shape, name, arguments) in enumerate(measurements, 1):
        file = directory / name
        if file.exists():
            continue
        make_checkpoint(asked.hadal, directory, shape)
        print(f"{count} of {len(measurements)}: {name}", file=sys.stderr, flush=True)
        command = [asked.hadal, *arguments, "--model", str(directory / shape)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            told = done.stderr.decode(errors="replace").strip().splitlines()
            sys.exit(f"validate-local: {' '.join(command)}\n{told[-1] if told else 'failed'}")
        part = file.with_suffix(".part")
        part.write_bytes(done.stdout)
        part.rename(file)
    command = [asked.hadal, "plan", "validate"]
    for _, name, _ in measurements:
        command += ["--local", str(directory / name)]
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()

"""Instructions that one call costs each core, counted by callgrind: the same on a noisy machine as on a calm one.

    tests/bench/instructions.py            prints the table
    tests/bench/instructions.py --check    and fails where a figure is more than 2 % over the one in instructions.json
    tests/bench/instructions.py --update   writes instructions.json
    tests/bench/instructions.py --profile broker 64   the functions that it goes to

The figures hold for one compiler: with another one than instructions.json names, --check says so and checks nothing.
Wants the program core_calls (cmake --preset bench && cmake --build --preset bench --target core_calls) and valgrind.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMITTED = pathlib.Path(__file__).with_name("instructions.json")
CORES = ("broker", "worker", "client")
BATCHES = (1, 64)
CALLS = 6400
ALLOWED = 1.02


def compiler(program):
    """What compiled the program, as it says itself."""
    text = subprocess.run(["readelf", "-p", ".comment", program], capture_output=True, text=True, check=True).stdout
    return re.search(r"GCC: \(([^)]*)\)|clang version ([\w.]+)", text).group(0)


def callgrind(program, core, batch, calls, out):
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--collect-atstart=no",
               "--toggle-collect=*measured_*", program, core, str(batch), str(calls)]
    run = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode or not found:
        sys.exit(f"callgrind failed:\n{run.stderr}")
    return int(found.group(1))


def per_call(program, core, batch):
    """What each further call costs, when the first ones have warmed everything up."""
    with tempfile.NamedTemporaryFile() as out:
        once = callgrind(program, core, batch, CALLS, out.name)
        twice = callgrind(program, core, batch, 2 * CALLS, out.name)
    return round((twice - once) / CALLS)


def measure(program):
    return {core: {str(batch): per_call(program, core, batch) for batch in BATCHES} for core in CORES}


def print_table(figures, before=None):
    print("| core | " + " | ".join(f"a body of {batch}" for batch in BATCHES) + " |")
    print("| --- |" + " --- |" * len(BATCHES))
    for core in CORES:
        cells = []
        for batch in map(str, BATCHES):
            old = before and before.get(core, {}).get(batch)
            cells.append(f"{figures[core][batch]:,}" + (f" ({figures[core][batch] / old - 1:+.1%})" if old else ""))
        print(f"| {core} | " + " | ".join(cells) + " |")


def check(figures, committed):
    worse = [(core, batch) for core in CORES for batch in map(str, BATCHES)
             if figures[core][batch] > committed[core][batch] * ALLOWED]
    for core, batch in worse:
        print(f"instructions.py: {core}, {batch} a body: {figures[core][batch]} instructions a call, "
              f"instructions.json has {committed[core][batch]}", file=sys.stderr)
    return not worse


def profile(program, core, batch):
    with tempfile.NamedTemporaryFile() as out:
        callgrind(program, core, batch, CALLS, out.name)
        print(subprocess.run(["callgrind_annotate", "--threshold=97", out.name], capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "build/bench/bin/core_calls", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--profile", nargs=2, metavar=("CORE", "BATCH"))
    options = parser.parse_args()
    if options.profile:
        return profile(options.program, *options.profile)
    committed = json.loads(COMMITTED.read_text()) if COMMITTED.exists() else {}
    figures = measure(options.program)
    figures["compiler"] = compiler(options.program)
    print_table(figures, committed)
    if options.update:
        COMMITTED.write_text(json.dumps(figures, indent=2) + "\n")
    if not options.check:
        return None
    if committed.get("compiler") != figures["compiler"]:
        print(f"instructions.py: nothing checked: compiled by {figures['compiler']}, "
              f"instructions.json is of {committed.get('compiler')}")
        return None
    return 0 if check(figures, committed) else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Instructions that one call costs each core, counted by callgrind: the same on a noisy machine as on a calm one.

    tests/bench/instructions.py            prints the table
    tests/bench/instructions.py --check    and fails where a figure is more than 2 % off the one in instructions.json
    tests/bench/instructions.py --update   and writes instructions.json
    tests/bench/instructions.py --profile broker 64   the functions that it goes to

Figures of one compiler say nothing of another: with another one than instructions.json names, or other flags, --check says
so and fails for nothing. Wants valgrind and core_calls (cmake --preset bench && cmake --build --preset bench --target core_calls).
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMITTED = pathlib.Path(__file__).with_name("instructions.json")
CORES = ("broker", "worker", "client")
BATCHES = ("1", "64")
CALLS = 6400
ALLOWED = 0.02
DECISIVE = ("compiler", "flags")  # figures are compared where these are the same
# The C library's routines are those of any x86-64, whichever the machine at hand would choose.
ENVIRONMENT = {**os.environ, "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-ERMS"}


def callgrind(program, core, batch, calls, out):
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--collect-atstart=no",
               "--toggle-collect=*measured_*", program, core, batch, str(calls)]
    run = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode or not found:
        sys.exit(f"instructions.py: callgrind failed:\n{run.stderr}")
    return int(found.group(1))


def per_call(program, core, batch):
    """What each further call costs, when the first ones have warmed everything up."""
    with tempfile.NamedTemporaryFile() as out:
        once = callgrind(program, core, batch, CALLS, out.name)
        twice = callgrind(program, core, batch, 2 * CALLS, out.name)
    return round((twice - once) / CALLS)


def measure(program):
    made_of = json.loads(subprocess.run([program, "versions"], capture_output=True, text=True, check=True).stdout)
    valgrind = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    wanted = [(core, batch) for core in CORES for batch in BATCHES]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        counted = dict(zip(wanted, pool.map(lambda each: per_call(program, *each), wanted)))
    figures = {core: {batch: counted[core, batch] for batch in BATCHES} for core in CORES}
    return {"made of": {**made_of, "valgrind": valgrind}, "instructions per call": figures}


def pairs(measured, committed):
    """Each figure with the committed one, and by what part it is off that."""
    for core in CORES:
        for batch in BATCHES:
            now, before = (figures["instructions per call"][core][batch] for figures in (measured, committed))
            yield core, batch, now, before, round(now / before - 1, 6)


def table(measured, committed):
    yield f"{'core':8}{'calls a body':>13}{'instructions a call':>21}{'instructions.json':>19}{'change':>9}"
    for core, batch, now, before, change in pairs(measured, committed):
        off = "" if abs(change) <= ALLOWED else "  <-- slower" if change > 0 else "  <-- faster"
        yield f"{core:8}{batch:>13}{now:>21,}{before:>19,}{change:>+9.1%}{off}"


def differences(measured, committed):
    """What the program is made of otherwise than that of the committed figures: name, now, then."""
    now, before = measured["made of"], committed["made of"]
    return [(name, now.get(name), before.get(name)) for name in sorted(now | before) if now.get(name) != before.get(name)]


def verdict(measured, committed):
    """What to say of the figures, and the exit status."""
    other = differences(measured, committed)
    said = [f"{name} is {now}, instructions.json was measured with {before}" for name, now, before in other]
    if any(name in DECISIVE for name, _, _ in other):
        return [*said, "WARNING: nothing was checked: figures of one compiler say nothing of another"], 0
    off = [change for *_, change in pairs(measured, committed) if abs(change) > ALLOWED]
    if not off:
        return [*said, f"every figure is within {ALLOWED:.0%} of instructions.json"], 0
    if max(off) > 0:
        said.append("A call costs more than it did. `tests/bench/instructions.py --profile CORE BATCH` shows where. If it "
                    "is worth it:")
    else:
        said.append("A call costs less than it did: well done. So that it stays so:")
    return [*said, "run `tests/bench/instructions.py --update` and commit instructions.json with the change."], 1


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
    measured = measure(options.program)
    committed = json.loads(COMMITTED.read_text()) if COMMITTED.exists() else measured
    print(*table(measured, committed), sep="\n")
    if options.update:
        COMMITTED.write_text(json.dumps(measured, indent=2) + "\n")
    if not options.check:
        return 0
    said, status = verdict(measured, committed)
    print(*(f"instructions.py: {line}" for line in said), sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())

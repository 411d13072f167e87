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
WORKERS = ("2", "16", "256", "4096")  # that a broker has; each body holds one call
CALLS = 6400
ALLOWED = 0.02
WORKERS_ALLOWED = 0.2  # between the cheapest and the dearest number of workers
DECISIVE = ("compiler", "flags")  # figures are compared where these are the same
# The C library's routines are those of any x86-64, whichever the machine at hand would choose.
ENVIRONMENT = {**os.environ, "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-ERMS"}


def callgrind(program, core, batch, calls, out, *more):
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--collect-atstart=no",
               "--toggle-collect=*measured_*", program, core, batch, str(calls), *more]
    run = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode or not found:
        sys.exit(f"instructions.py: callgrind failed:\n{run.stderr}")
    return int(found.group(1))


def per_call(program, core, batch, *more):
    """What each further call costs, when the first ones have warmed everything up."""
    with tempfile.NamedTemporaryFile() as out:
        once = callgrind(program, core, batch, CALLS, out.name, *more)
        twice = callgrind(program, core, batch, 2 * CALLS, out.name, *more)
    return round((twice - once) / CALLS)


def measure(program):
    made_of = json.loads(subprocess.run([program, "versions"], capture_output=True, text=True, check=True).stdout)
    valgrind = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    wanted = [(core, batch) for core in CORES for batch in BATCHES]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        counted = dict(zip(wanted, pool.map(lambda each: per_call(program, *each), wanted)))
        by_workers = dict(zip(WORKERS, pool.map(lambda workers: per_call(program, "broker", "1", workers), WORKERS)))
    figures = {core: {batch: counted[core, batch] for batch in BATCHES} for core in CORES}
    return {"made of": {**made_of, "valgrind": valgrind}, "instructions per call": figures,
            "instructions per call by workers": by_workers}


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


def workers_table(measured):
    by_workers = measured["instructions per call by workers"]
    least = min(by_workers.values())
    yield f"{'workers':>8}{'instructions a call':>21}{'to the least':>14}"
    for workers in WORKERS:
        yield f"{int(workers):>8,}{by_workers[workers]:>21,}{by_workers[workers] / least - 1:>+14.1%}"


def workers_verdict(measured):
    """As verdict(), of what a call costs the broker with few workers and with many."""
    by_workers = measured["instructions per call by workers"].values()
    spread = max(by_workers) / min(by_workers) - 1
    if spread <= WORKERS_ALLOWED:
        return [f"with {WORKERS[0]} to {WORKERS[-1]} workers a call costs the broker the same, within {WORKERS_ALLOWED:.0%}"], 0
    return [f"what a call costs the broker differs by {spread:.0%} with the number of workers"], 1


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
    print(*table(measured, committed), "", *workers_table(measured), sep="\n")
    if options.update:
        COMMITTED.write_text(json.dumps(measured, indent=2) + "\n")
    if not options.check:
        return 0
    said, status = verdict(measured, committed)
    said_of_workers, status_of_workers = workers_verdict(measured)
    print(*(f"instructions.py: {line}" for line in said + said_of_workers), sep="\n")
    return max(status, status_of_workers)


if __name__ == "__main__":
    sys.exit(main())

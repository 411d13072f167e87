"""What encryption costs: a broker with keys against one without, in turns, by scripts/curve-cost.sh.

Both run all the while, with a worker each; a pair of rounds is one with each, in an order that changes. Told are medians of the
pairs' ratios, with the least and the greatest. Time that the machine was taken away is shown, as it makes rounds worthless.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

from rpckit import ANY_PORT, BIN, Program, clean_environment

SHAPES = {
    "window 1,000": (("--shape", "pipelined", "--window", "1000"), "calls_per_s"),
    "one in flight, p50": (("--shape", "latency"), "p50_us"),
    "echo of 64 KiB": (("--shape", "payload", "--size", "64KiB"), "calls_per_s"),
}


def stolen():
    """(jiffies that others had, of all)"""
    with open("/proc/stat", encoding="ascii") as stat:
        fields = list(map(int, stat.readline().split()[1:9]))
    return fields[7], sum(fields)


class Side:
    """A broker and a worker, and what clients need."""

    def __init__(self, directory, keys):
        path = pathlib.Path(directory)
        of = lambda name, flag: (flag, path / f"{name}.key", "--broker-key", path / "broker.pub") if keys else ()
        own = ("--key", path / "broker.key", "--authorized", path / "authorized") if keys else ()
        self.broker = Program("rpc-broker", "--frontend", ANY_PORT, "--backend", ANY_PORT, *own)
        fields = self.broker.ready()
        self.worker = Program("rpc-worker", "--broker", fields["backend"], *of("worker-1", "--key"))
        self.worker.ready()
        self.flags = ["--broker", fields["frontend"], *map(str, of("alice", "--key-file"))]

    def round(self, flags, seconds):
        command = [BIN / "rpc-bench", *self.flags, "--format", "json", "--quiet", "--warm-up", "300ms", "--duration",
                   f"{seconds}s", *flags]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=clean_environment())
        return json.loads(run.stdout)["rounds"][0]

    def end(self):
        self.worker.end()
        self.broker.end()


def figure(round_, name):
    return round_["latency_us"]["p50"] if name == "p50_us" else round_[name]


def compare(plain, keyed, rounds, seconds):
    for what, (flags, name) in SHAPES.items():
        pairs, before = [], stolen()
        for i in range(rounds):
            order = (plain, keyed) if i % 2 == 0 else (keyed, plain)
            got = {side: figure(side.round(flags, seconds), name) for side in order}
            pairs.append((got[plain], got[keyed]))
        ratios = [b / a for a, b in pairs]
        after = stolen()
        share = (after[0] - before[0]) / (after[1] - before[1])
        print(f"{what}: without keys {statistics.median(a for a, _ in pairs):,.0f}, with {statistics.median(b for _, b in pairs):,.0f}"
              f" ({name}); {statistics.median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f}); stolen {100 * share:.1f} %",
              flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=1)
    wanted = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([BIN / "rpc-keygen", "broker", "worker-1:worker", "alice:client", "--allow", "*", "--authorized",
                        "authorized"], check=True, capture_output=True, cwd=directory, env=clean_environment())
        sides = [Side(directory, keys) for keys in (False, True)]
        try:
            print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {wanted.rounds} pairs of {wanted.seconds:g} s")
            compare(*sides, wanted.rounds, wanted.seconds)
        finally:
            for side in sides:
                side.end()


if __name__ == "__main__":
    main()

"""What encryption costs: a broker with keys against one without, in turns, by scripts/curve-cost.sh.

Both run all the while, with a worker each; a pair of rounds is one with each, in an order that changes. Told are medians of the
pairs' ratios, with the least and the greatest: of the figure itself, and of the processor's time that broker, worker and rpc-bench
spend on a call, which other programs disturb less. Time that the machine was taken away is shown, as it makes rounds worthless.
"""

import argparse
import json
import os
import pathlib
import resource
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


def cpu(pid):
    """Seconds of the processor."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


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

    def spent(self):
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return cpu(self.broker.pid) + cpu(self.worker.pid) + children.ru_utime + children.ru_stime

    def round(self, flags, seconds):
        """A round of rpc-bench, with microseconds of the processor a call."""
        command = [BIN / "rpc-bench", *self.flags, "--format", "json", "--quiet", "--warm-up", "300ms", "--duration",
                   f"{seconds}s", *flags]
        before = self.spent()
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=clean_environment())
        told = json.loads(run.stdout)["rounds"][0]
        told["cpu_us"] = 1e6 * (self.spent() - before) / (told["calls"] + told["warm_up_calls"])
        return told

    def end(self):
        self.worker.end()
        self.broker.end()


def figure(round_, name):
    return round_["latency_us"]["p50"] if name == "p50_us" else round_[name]


def show(what, name, pairs):
    """`pairs`: rounds without keys and with them."""
    pairs = [(figure(a, name), figure(b, name)) for a, b in pairs]
    ratios = [b / a for a, b in pairs]
    middle = [statistics.median(column) for column in zip(*pairs)]
    digits = 1 if middle[0] < 1000 else 0
    print(f"{what}, {name}: without keys {middle[0]:,.{digits}f}, with {middle[1]:,.{digits}f}; "
          f"{statistics.median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)


def compare(plain, keyed, rounds, seconds):
    for what, (flags, name) in SHAPES.items():
        pairs, before = [], stolen()
        for i in range(rounds):
            order = (plain, keyed) if i % 2 == 0 else (keyed, plain)
            got = {side: side.round(flags, seconds) for side in order}
            pairs.append((got[plain], got[keyed]))
        after = stolen()
        show(what, name, pairs)
        show(what, "cpu_us", pairs)
        print(f"{what}: stolen {100 * (after[0] - before[0]) / (after[1] - before[1]):.1f} %", flush=True)


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

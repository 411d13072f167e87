#!/usr/bin/python3
"""Room at a worker, measured with the real programs: tables ready for docs/BENCHMARKS.md.

    tests/bench/room.py                      all of it, some four minutes
    tests/bench/room.py mix --runs 5         99 % calls of 10 µs, 1 % that sleep 500 ms, at half load
    tests/bench/room.py fast --pairs 7       fast calls alone: capacity auto against a fixed one of 256
    tests/bench/room.py medium               calls of a few milliseconds at full load: how many go back

Wants the programs of the bench preset: cmake --preset bench && cmake --build --preset bench --target rpc-broker
rpc-worker room_peers; another folder by RPC_BIN. Runs during which the hypervisor took more than 8 % of the machine are
marked; pairs are interleaved, their ratios' median is what counts.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("RPC_BIN", str(ROOT / "build/bench/bin"))
sys.path.insert(0, str(ROOT / "tests/support"))

from rpckit import ANY_PORT, BIN, Peer, Program, wait_until  # noqa: E402 (its place depends on RPC_BIN)

THREADS = 8
MANY_STOLEN = 0.08


class Machine:
    """What else went on while something was measured."""

    def __enter__(self):
        self._before = self._ticks()
        return self

    def __exit__(self, *_):
        ticks = [after - before for before, after in zip(self._before, self._ticks())]
        self.stolen = ticks[7] / max(1, sum(ticks))
        self.load = os.getloadavg()[0]

    @staticmethod
    def _ticks():
        return [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]

    def __str__(self):
        return f"{self.load:.1f}, {self.stolen:.0%} stolen" + (" (!)" if self.stolen > MANY_STOLEN else "")


class Site:
    """A broker and its workers, for as long as the `with` lasts."""

    def __init__(self, workers, capacity, ours):
        self._workers, self._capacity, self._ours = workers, capacity, ours

    def __enter__(self):
        self._programs = []
        broker = self._start("rpc-broker", "--frontend", ANY_PORT, "--backend", ANY_PORT)
        fields = broker.ready()
        self.frontend, backend = fields["frontend"], fields["backend"]
        for _ in range(self._workers):
            if self._ours:
                self._start("room_peers", "worker", backend, THREADS, self._capacity or 0)
            else:
                self._start("rpc-worker", "--broker", backend, "--threads", THREADS, "--capacity",
                            self._capacity or "auto")
        self.peer = Peer(self.frontend)
        wait_until(lambda: len(self.peer.result("rpc.workers")) == self._workers, "all workers are there")
        return self

    def __exit__(self, *_):
        self.peer.close()
        for program in reversed(self._programs):
            program.kill()
            program.end()

    def _start(self, name, *arguments):
        self._programs.append(Program(name, *arguments))
        return self._programs[-1]

    def returned(self):
        return self.peer.result("rpc.stats")["calls_returned"]

    def load(self, *arguments):
        """Runs a client to its end: what it measured."""
        run = subprocess.run([BIN / "room_peers", arguments[0], self.frontend, *map(str, arguments[1:])],
                             capture_output=True, text=True, check=True)
        figures = json.loads(run.stdout)
        if figures["failed"]:
            sys.exit(f"room.py: {figures['failed']} calls failed")
        return figures


def ms(us):
    return f"{us / 1000:.2f}"


def mix(args):
    rate = args.rate or 0.5 * args.workers * THREADS / (0.99 * 10e-6 + 0.01 * 0.5)
    print(f"\n{args.workers} workers of {THREADS} threads, capacity auto; {rate:,.0f} calls/s at random times for "
          f"{args.seconds:g} s, 1 % of them sleep 500 ms; short calls' latency in ms:\n")
    print("| run | short calls | p50 | p99 | p99.9 | longest | returned | load |\n| --- |" + " --- |" * 7)
    p99s = []
    for number in range(1, args.runs + 1):
        with Site(args.workers, args.capacity, ours=True) as site, Machine() as machine:
            figures = site.load("mix", rate, args.seconds, 0.01)
            returned = site.returned()
        p99s.append(figures["p99_us"])
        print(f"| {number} | {figures['short']:,} | {ms(figures['p50_us'])} | {ms(figures['p99_us'])} | "
              f"{ms(figures['p999_us'])} | {ms(figures['max_us'])} | {returned:,} | {machine} |", flush=True)
    print(f"\nmedian p99: {ms(statistics.median(p99s))} ms, worst {ms(max(p99s))} ms")


def fast(args):
    for workers in args.fast_workers:
        print(f"\nEchoUtil.CountString, window 1000, {workers} worker{'s' if workers > 1 else ''} of {THREADS} threads; "
              f"calls/s over {args.fast_seconds:g} s:\n")
        print("| pair | auto | 256 | ratio | returned | load |\n| --- |" + " --- |" * 5)
        ratios = []
        for number in range(1, args.pairs + 1):
            rates, returned = {}, 0
            with Machine() as machine:
                order = ("auto", "256") if number % 2 else ("256", "auto")
                for capacity in order:
                    with Site(workers, None if capacity == "auto" else capacity, ours=False) as site:
                        rates[capacity] = site.load("pipelined", 1000, args.fast_seconds)["calls_per_s"]
                        returned += site.returned()
            ratios.append(rates["auto"] / rates["256"])
            print(f"| {number} | {rates['auto']:,.0f} | {rates['256']:,.0f} | {ratios[-1]:.2f} | {returned:,} | "
                  f"{machine} |", flush=True)
        print(f"\nmedian ratio: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def medium(args):
    """Two of ours, so much asked of them that calls always wait."""
    print(f"\n2 workers of {THREADS} threads, capacity auto; calls that sleep, 400 under way, for "
          f"{args.fast_seconds:g} s:\n")
    print("| a call sleeps | calls/s | of what is possible | returned | capacity then | load |\n| --- |" + " --- |" * 5)
    for milliseconds in (1, 3, 10, 30, 100):
        with Site(2, None, ours=True) as site, Machine() as machine:
            calls, seconds = keep_busy(site.peer, milliseconds, args.fast_seconds)
            returned = site.returned()
            capacities = [str(worker["capacity"]) for worker in site.peer.result("rpc.workers")]
        rate = calls / seconds
        print(f"| {milliseconds} ms | {rate:,.0f} | {rate * milliseconds / 1000 / (2 * THREADS):.0%} | {returned:,} | "
              f"{', '.join(capacities)} | {machine} |", flush=True)


def keep_busy(peer, milliseconds, seconds, window=400):
    """Calls of that length, `window` under way: how many ended, in how many seconds."""
    for _ in range(window):
        peer.request("Room.Sleep", milliseconds)
    begin = time.monotonic()
    calls = 0
    while time.monotonic() < begin + seconds:
        message = peer.receive()
        if message is None or message[2] is not None:
            sys.exit(f"room.py: a call failed: {message}")
        calls += 1
        peer.request("Room.Sleep", milliseconds)
    took = time.monotonic() - begin
    for _ in range(window):
        peer.receive()
    return calls, took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=["mix", "fast", "medium", []], help="all of them if none is named")
    parser.add_argument("--runs", type=int, default=5, help="of the mix")
    parser.add_argument("--pairs", type=int, default=7, help="of fast calls")
    parser.add_argument("--seconds", type=float, default=20, help="of a run of the mix")
    parser.add_argument("--fast-seconds", type=float, default=3, help="of a run of fast or medium calls")
    parser.add_argument("--workers", type=int, default=4, help="in the mix")
    parser.add_argument("--fast-workers", type=int, nargs="+", default=[4, 1], help="of fast calls")
    parser.add_argument("--rate", type=float, help="calls/s of the mix; half of what its workers can do if missing")
    parser.add_argument("--capacity", type=int, help="of the workers in the mix; auto if missing")
    args = parser.parse_args()
    for name in args.what or ["mix", "fast", "medium"]:
        {"mix": mix, "fast": fast, "medium": medium}[name](args)


if __name__ == "__main__":
    main()

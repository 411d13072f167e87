"""Mixed load with faults for hours, two brokers, and what becomes of memory and descriptors meanwhile.

    scripts/soak.sh [HOURS] [--rate N] [--seed N] [--directory DIR]

Of each role one process is spared: the first broker, the first worker and the first client are never killed, stopped or
ended before the end. Storms of faults to the others alternate with calm. Beside the load of the chaos tests' clients, rpc-call
is run and rpc.stats is read now and then.

samples.csv has what the processes occupy, every few seconds. At the end: the slope of memory of the spared ones after the warm-up, their
descriptors, and the calls. What a fault explains is stated in checker.py: UNAVAILABLE, NOT_FOUND, RESOURCE_EXHAUSTED or
DEADLINE_EXCEEDED of a call that ended while a process was down or stopped, or within 2 s after; calls that were cancelled, that call a
method that throws, or that have less than 500 ms beyond what they need (a stream half a millisecond an item), may fail at any time; so may
those that were under way in a halt of the machine, as bystander.py saw it. All else is unexplained.
"""

import argparse
import csv
import random
import statistics
import sys
import time

import chaos
from cast import Cast, descriptors, resident_kib
from play import Play
from rpckit import rpc_call

STORM, CALM = 20, 15
SAMPLE = 5  # seconds between two
WARM_UP = 0.1  # of the run, at least a minute


class Samples:
    """What the processes occupy: all into a file, the spared ones in memory as well."""

    def __init__(self, path, actors, spared):
        self._file = open(path, "w", newline="")
        self._table = csv.writer(self._file)
        self._table.writerow(["seconds", "process", "pid", "resident_kib", "descriptors"])
        self._actors = actors
        self._begin = time.monotonic()
        self.of = {actor: [] for actor in spared}

    def take(self):
        seconds = time.monotonic() - self._begin
        for actor in self._actors:
            if actor.running:
                row = (round(seconds, 1), actor.process, actor.pid, resident_kib(actor.pid), descriptors(actor.pid))
                self._table.writerow(row)
                if actor in self.of:
                    self.of[actor].append(row)
        self._file.flush()

    def close(self):
        self._file.close()


def after_warm_up(rows):
    begin = max(60, WARM_UP * rows[-1][0])
    return [row for row in rows if row[0] >= begin] or rows


def slope_mib_per_hour(rows):
    """By linear regression; nothing for a single sample."""
    if len(rows) < 3:
        return None
    slope, _ = statistics.linear_regression([row[0] for row in rows], [row[3] for row in rows])
    return slope * 3600 / 1024


class Soak:
    def __init__(self, cast, hours):
        self.cast = cast
        self.play = Play(cast, keep=False)
        self.spared = [cast.brokers[0], cast.workers[0], cast.clients[0]]
        self.samples = Samples(cast.directory / "samples.csv", cast.actors, self.spared)
        self.rpc_calls = 0
        self._hours = hours

    def run(self):
        self.play.start()
        end = time.monotonic() + self._hours * 3600
        self.play.go_along(self._sampling())
        self.play.go_along(self._asking())
        while time.monotonic() < end:
            self.play.storm(min(STORM, end - time.monotonic()), spared=self.spared)
            self.play.for_seconds(CALM)
            self._call_by_hand()
        self.samples.take()
        self.samples.close()
        self.play.finish()

    def _sampling(self):
        while True:
            self.samples.take()
            yield SAMPLE

    def _asking(self):
        """rpc.stats of the spared broker: in the middle of everything, too, calls add up."""
        peer = self.cast.watch(self.cast.brokers[0])
        while True:
            stats = peer.result("rpc.stats")
            ended = sum(stats[name] for name in ("calls_answered", "calls_failed", "calls_orphaned", "calls_in_system"))
            if stats["calls_accepted"] != ended:
                self.cast.complain("counters add up", f"{stats['calls_accepted']} accepted, {ended} ended or in the system")
            yield 2

    def _call_by_hand(self):
        """In calm it must succeed, though an endpoint comes first that may be the one of the broker that was down."""
        self.rpc_calls += 1
        call = f"hand.1:{self.rpc_calls}"
        endpoints = [word for broker in reversed(self.cast.brokers) for word in ("--broker", self.cast.frontend(broker))]
        self.play.by_hand.write("S", call, "Quick", "no", 5000, 1, 0)
        called = rpc_call(*endpoints, "--timeout", "5s", "Chaos.Quick", call)
        if called.status == 0:
            self.play.by_hand.write("D", call, "OK", "-", "-", "-", called.stdout.strip('"'))
        else:
            self.cast.complain("rpc-call goes through", str(called))

    def report(self):
        for actor in self.spared:
            rows = self.samples.of[actor]
            late = after_warm_up(rows)
            slope = slope_mib_per_hour(late)
            print(f"{actor.role} {actor.process}, never touched: {rows[0][3] / 1024:.1f} MiB at the start, "
                  f"{late[0][3] / 1024:.1f} after the warm-up, {rows[-1][3] / 1024:.1f} at the end, slope "
                  f"{'unknown' if slope is None else f'{slope:+.2f} MiB/h'}; "
                  f"descriptors {rows[0][4]}, {late[0][4]}, {rows[-1][4]}")
        print(f"{self.rpc_calls} runs of rpc-call")
        count = self.play.checker.count
        print(f"{count['calls']} calls, {count['OK']} with a result, {count['explained']} failures explained by faults, "
              f"{len(self.play.checker.complaints)} unexplained failures and other complaints")
        self.play.report()


def main():
    parser = argparse.ArgumentParser(description="Mixed load with faults for hours.")
    parser.add_argument("hours", type=float, nargs="?", default=1)
    parser.add_argument("--rate", type=int, default=300, help="calls a second that each client makes")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--directory", help="keeps samples, journals and logs there")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    told = {**chaos.CAST, "client_flags": (*chaos.CAST["client_flags"], "--rate", arguments.rate)}
    with Cast(random.Random(arguments.seed), arguments.directory, brokers=2, **told) as cast:
        print(f"samples, journals and logs: {cast.directory}", flush=True)
        soak = Soak(cast, arguments.hours)
        soak.play.guard(soak.run)
        soak.report()
        return 1 if soak.play.checker.complaints else 0


if __name__ == "__main__":
    sys.exit(main())

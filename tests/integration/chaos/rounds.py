"""Rounds of kill -9 with a thousand calls in flight: what becomes of each of them.

    scripts/chaos.sh kills [--rounds 200]      of a worker, of two a moment apart, or of the broker; others take their places
    scripts/chaos.sh brokers [--rounds 50]     of one of two brokers, in turn, each started again before the next

In both, every call that was under way must end with its result or UNAVAILABLE. With two brokers, moreover, those that the caller calls
idempotent must give their results, and so must all that were made later than 100 ms after a kill.
"""

import argparse
import collections
import random
import statistics
import sys

from cast import Cast
from checker import MS
from history import now_us
from play import Play, limits_here
from rpckit import SLOWER

CLIENTS = 4
# Four calls of five wait for a thread: there is always somebody who holds calls that have not begun.
CAST = {"threads": 64, "clients": CLIENTS}


def client_flags(in_flight):
    return "--mix", "steady", "--rate", 0, "--nap", 1000, "--in-flight", in_flight // CLIENTS


class Round:
    """A kill, and the calls that were under way then."""

    def __init__(self, victims, time, calls):
        self.what = " and then of a ".join(victim.role for victim in victims)
        self.time, self._calls = time, calls
        self.in_flight = len(calls)
        self.outcomes = collections.Counter()
        self.heard_after = []  # microseconds from the kill to each error
        self.back_after = None  # and to the first result of a call made after it

    def over(self):
        """Whether each has ended."""
        return all(call.end is not None for call in self._calls)

    def add_up(self, later):
        for call in self._calls:
            self.outcomes[call.code if call.code == "OK" else f"{call.code}, ran: {call.ran}"] += 1
            self.outcomes["of these, run again"] += len(call.executions) > 1
            if call.code != "OK":
                self.heard_after.append(call.end - self.time)
        self.back_after = min(call.end for call in later if call.code == "OK") - self.time
        self._calls = []


class Rounds:
    def __init__(self, cast, in_flight, limits):
        self.play = Play(cast, limits)
        self.cast = cast
        self.rounds = []
        self._in_flight = in_flight

    def run(self, rounds):
        """Each round is a list of whom to kill, a moment apart."""
        self.play.start()
        for victims in rounds:
            self._full()
            self.play.for_seconds(self.cast.random.uniform(0, 0.3))
            self._kill(victims)
        self.play.for_seconds(1)
        self.play.finish()

    def _full(self):
        """Until so many calls are in flight as there may be."""
        self.play.until(lambda: len(self.play.checker.under_way(now_us())) >= 0.98 * self._in_flight, "calls are in flight")

    def _kill(self, victims):
        time = now_us()
        for victim in victims:
            self.play.cause(self.play.kill(victim, self.cast.random.choice((0.0, self.cast.random.uniform(0, 0.3)))))
            self.play.step()
            dead = now_us()
            self.play.for_seconds(0.1)
        done = Round(victims, time, self.play.checker.under_way(time))
        self.rounds.append(done)
        self.play.calm()
        self.play.until(done.over, "every call that was under way has ended", within=30)
        self.play.until(lambda: self._later(dead), "calls go through again")
        done.add_up(self._later(dead))

    def _later(self, time):
        return [call for call in self.play.checker.calls.values()
                if call.start is not None and call.start > time and call.code == "OK"]

    def report(self, out=sys.stdout):
        for what in sorted({done.what for done in self.rounds}):
            self._report(what, [done for done in self.rounds if done.what == what], out)
        self.play.report(out)

    @staticmethod
    def _report(what, rounds, out):
        in_flight = [done.in_flight for done in rounds]
        print(f"{len(rounds)} kills of a {what} with {min(in_flight)} to {max(in_flight)} calls in flight, "
              f"{sum(in_flight)} in all", file=out)
        for what, number in sorted(sum((done.outcomes for done in rounds), collections.Counter()).items()):
            print(f"    {number:7} {what}", file=out)
        heard = [after for done in rounds for after in done.heard_after]
        back = [done.back_after for done in rounds if done.back_after is not None]
        for what, times in (("errors came", heard), ("the first result of a call made since came", back)):
            if times:
                print(f"    {what} after {statistics.median(times) / MS:.0f} ms (median), {max(times) / MS:.0f} ms (most)",
                      file=out)


def kills(rounds, seed, in_flight=1000, directory=None):
    """Rounds with one broker."""
    chance = random.Random(seed)
    with Cast(chance, directory, **CAST, client_flags=client_flags(in_flight)) as cast:
        played = Rounds(cast, in_flight, limits_here(allowed=frozenset({"UNAVAILABLE"})))
        victims = [chance.choice((cast.brokers, chance.sample(cast.workers, 1), chance.sample(cast.workers, 2)))
                   for _ in range(rounds)]
        played.play.guard(lambda: played.run(victims))
        return played


def brokers(rounds, seed, in_flight=1000, directory=None):
    """Rounds with two brokers."""
    with Cast(random.Random(seed), directory, brokers=2, **CAST, client_flags=client_flags(in_flight)) as cast:
        limits = limits_here(allowed=frozenset({"UNAVAILABLE"}), explains=int(100 * MS * SLOWER), caller_s_word_counts=True)
        played = Rounds(cast, in_flight, limits)
        played.play.guard(lambda: played.run([[cast.brokers[number % 2]] for number in range(rounds)]))
        return played


def main():
    parser = argparse.ArgumentParser(description="Rounds of kill -9 with a thousand calls in flight.")
    parser.add_argument("what", choices=["kills", "brokers"])
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--in-flight", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--directory", help="keeps journals and logs there")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    run, rounds = {"kills": (kills, 200), "brokers": (brokers, 50)}[arguments.what]
    played = run(arguments.rounds or rounds, arguments.seed, arguments.in_flight, arguments.directory)
    played.report()
    if played.play.checker.complaints:
        return 1
    if not arguments.directory:
        played.cast.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())

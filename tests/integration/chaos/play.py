"""A run: starts a cast, causes faults while the history is read and judged, and lets everything come to its end.

A fault is a generator: it yields what it waits for, a number of seconds or a condition, while other faults and the load go on.
"""

import pathlib
import subprocess
import sys
import time

from cast import Cast
from checker import Checker, Limits, report
from history import Journal, Journals, now_us
from rpckit import PATIENCE, SLOWER


class Waiting:
    """A generator and what it waits for."""

    def __init__(self, steps):
        self._steps = steps
        self._until = lambda: True
        self.done = False

    def step(self):
        while not self.done and self._until():
            try:
                wanted = next(self._steps)
            except StopIteration:
                self.done = True
                return
            self._until = wanted if callable(wanted) else self._alarm(wanted)

    @staticmethod
    def _alarm(seconds):
        end = time.monotonic() + seconds
        return lambda: time.monotonic() >= end


class Play:
    """`cast` is not started yet. Everything goes on in the caller's thread, in run()."""

    def __init__(self, cast, limits=None, keep=True):
        self.cast = cast
        self.random = cast.random
        self.checker = Checker(limits or limits_here())
        self._journals = Journals(cast.journals, keep)
        self._own = [self.journal("faults"), self.journal("hand.1")]
        self._faults, self.by_hand = self._own
        self._journals.add("machine")
        self._bystander = None
        self._count = 0
        self._under_way, self._along = [], []
        self.go_along(self._settling())

    def journal(self, process):
        self._journals.add(process)
        return Journal(self.cast.journals, process)

    # Time goes on.

    def start(self):
        program = pathlib.Path(__file__).with_name("bystander.py")
        self._bystander = subprocess.Popen([sys.executable, "-B", program, self.cast.journals / "machine.journal"])
        for group in (self.cast.brokers, self.cast.workers, self.cast.clients):
            for actor in group:
                actor.start()
            self.until(lambda: all(actor.ready() for actor in group), "everybody is there")

    def step(self):
        for waiting in self._under_way + self._along:
            waiting.step()
        self._under_way = [waiting for waiting in self._under_way if not waiting.done]
        self.cast.look_for_crashes()
        self.read()
        time.sleep(0.01)

    def read(self):
        """What the journals have by now."""
        while self.cast.begun:
            self._journals.add(self.cast.begun.pop())
        self._journals.feed(self.checker)
        while self.cast.gone:
            self._journals.retire(self.cast.gone.pop(), self.checker)

    def _settling(self):
        while True:
            yield 5
            self.checker.settle(now_us())

    def go_along(self, steps):
        """Something that goes on beside everything else until the end, as faults do."""
        self._along.append(Waiting(steps))

    def until(self, condition, what, within=PATIENCE):
        end = time.monotonic() + within * SLOWER
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"within {within * SLOWER} s: {what}")
            self.step()

    def for_seconds(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()

    def calm(self):
        """Until no fault is under way."""
        self.until(lambda: not self._under_way, "every fault is healed", within=60)

    # Faults.

    def cause(self, fault):
        self._under_way.append(Waiting(fault))

    def kill(self, actor, pause=0.0):
        """kill -9, and after the pause another one in its place."""
        yield from self._fault("kill", actor, self._kill(actor, pause))

    def stop(self, actor, pause):
        """SIGSTOP, and after the pause SIGCONT."""
        yield from self._fault("stop", actor, self._stop(actor, pause))

    def terminate(self, actor, pause=0.0):
        """SIGTERM; once it has ended, and after the pause, another one in its place."""
        yield from self._fault("term", actor, self._terminate(actor, pause))

    def _fault(self, kind, actor, steps):
        actor.busy = True
        self._count += 1
        number = self._count
        self._faults.write("F", number, kind, actor.role, actor.process)
        yield from steps
        self._faults.write("H", number)
        actor.busy = False

    def _kill(self, actor, pause):
        actor.kill()
        yield pause
        actor.start()
        yield actor.ready

    def _stop(self, actor, pause):
        actor.stop()
        yield pause
        actor.go_on()

    def _terminate(self, actor, pause):
        actor.terminate()
        yield actor.has_ended
        yield pause
        actor.start()
        yield actor.ready

    def any_fault(self, spared=()):
        """One at random, to somebody to whom nothing is done just now: a worker is most likely, because while the broker
        is away nothing happens to anybody."""
        group, = self.random.choices([self.cast.brokers, self.cast.workers, self.cast.clients], [1, 4, 2])
        able = [actor for actor in group if not actor.busy and actor.running and actor not in spared]
        if not able:
            return None
        fault = self.random.choice((self.kill, self.stop, self.terminate))
        return fault(self.random.choice(able), self.random.choice((0.05, self.random.uniform(0, 1), self.random.uniform(0, 3))))

    def storm(self, seconds, pause=0.5, spared=()):
        """Faults at random for so long, up to three at once; then until all are healed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            fault = self.any_fault(spared) if len(self._under_way) < 3 else None
            if fault:
                self.cause(fault)
            self.for_seconds(self.random.uniform(0, 2 * pause))
        self.calm()

    # The end.

    def finish(self):
        """Clients end in order; then the brokers' counters must add up, and the rest end in order, too."""
        self._along = []
        self._end_in_order(self.cast.clients)
        for broker in self.cast.brokers:
            self._check_counters(broker)
        self._end_in_order(self.cast.workers)
        self._end_in_order(self.cast.brokers)
        self.read()
        self.checker.finish([client.process for client in self.cast.clients])

    def _end_in_order(self, actors):
        for actor in actors:
            actor.terminate()
        for actor in actors:
            self.until(actor.has_ended, f"{actor.process} ends in order", within=30)

    def _check_counters(self, broker):
        peer = self.cast.watch(broker)
        try:
            self.until(lambda: not peer.result("rpc.stats")["places_taken"], "no call is at a worker any more")
            for what in wrong_counters(peer.result("rpc.stats")):
                self.cast.complain("counters add up", f"{broker.process}: {what}")
        finally:
            peer.close()

    def guard(self, run):
        """run(), and whatever went wrong is among the complaints."""
        try:
            run()
        except AssertionError as problem:
            self.cast.complain("it goes on", str(problem))
        finally:
            if self._bystander:
                self._bystander.kill()
                self._bystander.wait()
        self.checker.complaints += self.cast.complaints
        self._journals.close()
        for journal in self._own:
            journal.close()

    def report(self, out=sys.stdout):
        print(f"journals and logs: {self.cast.directory}", file=out)
        report(self.checker, out)


def wrong_counters(stats):
    """What does not add up in the rpc.stats of a broker that has nothing to do."""
    wrong = [f"{name} is {stats[name]}, not 0" for name in
             ("calls_in_system", "calls_queued", "calls_queued_bytes", "places_taken", "unsent_bytes", "streams_withheld")
             if stats[name]]
    ended = stats["calls_answered"] + stats["calls_failed"] + stats["calls_orphaned"]
    if stats["calls_accepted"] != ended:
        wrong.append(f"{stats['calls_accepted']} calls were accepted, and {ended} ended")
    return wrong


def limits_here(**limits):
    """Limits for programs as slow as these are."""
    defaults = Limits()
    slower = {name: int(getattr(defaults, name) * SLOWER) for name in ("slack", "turn", "recovery", "leisure")}
    return Limits(**{**slower, **limits})

"""What the attacks share: figures of the broker's process, and a polite client that must not notice anything.

Each attack prints its figure. RPC_HOSTILE=full runs them in the size that docs/SECURITY.md tells of; otherwise the long ones
are smaller. As a program, `hostile.py ENDPOINT`: the polite client, which calls until its standard input ends.
"""

import json
import os
import random
import select
import subprocess
import sys
import threading
import time

from keykit import KeysTest
from rpckit import SLOWER, Peer, clean_environment

FULL = os.environ.get("RPC_HOSTILE") == "full"
MIB = 1 << 20


def resident(pid):
    """Bytes."""
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def cpu(pid):
    """Seconds of processor time."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Most:
    """The most memory of a process while this is entered."""

    def __init__(self, pid):
        self._pid, self._over = pid, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.before = self.bytes = resident(pid)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _watch(self):
        while not self._over.wait(0.002):
            self.bytes = max(self.bytes, resident(self._pid))

    @property
    def grown(self):
        return self.bytes - self.before


FEWEST = 20  # calls of a polite client


class Polite:
    """Calls one at a time from a process of its own, from entering this to leaving it."""

    def __init__(self, endpoint):
        self._process = subprocess.Popen(["/usr/bin/python3", __file__, endpoint], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, env=clean_environment())
        self._process.stdout.readline()  # it has had its first answer
        self.calls = self.failures = self.most = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        told, _ = self._process.communicate(timeout=60 * SLOWER)
        vars(self).update(json.loads(told))

    def __str__(self):
        return (f"a polite client's {self.calls} calls: {self.failures} failed, p50 {1000 * self.p50:.1f} ms, "
                f"p99 {1000 * self.p99:.1f} ms, at most {1000 * self.most:.0f} ms")


class HostileTest(KeysTest):
    def tell(self, text):
        print(f"\n    {self._testMethodName}: {text}", flush=True)

    def serving(self, *flags):
        """A broker without keys, and a worker."""
        broker = self.broker(*flags)
        self.worker(broker)
        return broker

    def assert_served(self, polite):
        self.assertGreater(polite.calls, 0)
        self.assertEqual(polite.failures, 0, polite)
        self.assert_within(polite.most, 1.0, f"a call of a polite client: {polite}")

    def assert_alive(self, broker):
        self.assertEqual(self.client(broker).result("EchoUtil.CountString", "this is test"), 3)

    def assert_memory(self, grown, limit):
        if SLOWER == 1:  # sanitizers keep what was freed, and their allocator needs more
            self.assertLessEqual(grown, limit)

    def settled(self, broker, before, within=5.0):
        """Descriptors of the broker once they are as many as before, or after that time."""
        end = time.monotonic() + within * SLOWER
        while descriptors(broker.pid) > before and time.monotonic() < end:
            time.sleep(0.02)
        return descriptors(broker.pid)


def noise(size, seed):
    return random.Random(seed).randbytes(size)


def be_polite(endpoint):
    peer, times, failures = Peer(endpoint), [], 0
    print(peer.result("EchoUtil.CountString", "this is test"), flush=True)
    while len(times) < FEWEST or not select.select([sys.stdin], [], [], 0)[0]:  # some attacks are over in 20 ms
        begin = time.monotonic()
        try:
            failures += peer.result("EchoUtil.CountString", "this is test", within=30) != 3
        except AssertionError:
            failures += 1
        times.append(time.monotonic() - begin)
        time.sleep(0.001)
    times.sort()
    print(json.dumps({"calls": len(times), "failures": failures, "p50": times[len(times) // 2],
                      "p99": times[int(0.99 * len(times))], "most": times[-1]}))


if __name__ == "__main__":
    be_polite(sys.argv[1])

"""A client that sends calls and never reads what comes back: others are served, what is kept for it is bounded, it is cut."""

import threading
import time

import msgpack

import zmtp
from rpckit import SLOWER, Peer, RpcTest, main, wait_until

MIB = 1 << 20
RESULT = bytes(MIB)
KEPT = 256 * MIB  # by the broker, for one peer
UNDER_WAY = 16 * MIB  # in libzmq, of which one body may go beyond
# The system's buffers, and what is with the worker and others meanwhile.
BESIDE = 64 * MIB
CALLS = 400


def resident(pid):
    """Bytes."""
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * 4096


class Deaf(zmtp.Raw):
    """Reads nothing after the handshake."""

    def request(self, msgid, method, *params, options=None):
        self.send(msgpack.packb((0, msgid, method, params, options or {})))

    def is_cut(self, within=0.0):
        try:
            self.socket.send(b"")
            self.socket.sendall(b"\0\0")
        except OSError:
            return True
        return False


class LargeWorker(threading.Thread):
    """Answers every call with a mebibyte."""

    def __init__(self, backend):
        super().__init__(daemon=True)
        self.peer = Peer(backend)
        self.peer.register({"Large": ["Get"]}, capacity=8)
        self.over = False

    def run(self):
        while not self.over:
            message = self.peer.receive(within=0.05)
            if message and message[0] == 0:
                self.peer.reply(message[1], RESULT)


class SlowReader(RpcTest):
    def setUp(self):
        super().setUp()
        self.at = self.broker()
        self.worker(self.at)
        self.large = LargeWorker(self.at.backend)
        self.large.start()
        self.polite = self.client(self.at)
        self.assertEqual(self.polite.result("EchoUtil.CountString", "this is test"), 3)
        self.at_first = resident(self.at.pid)

    def tearDown(self):
        self.large.over = True
        self.large.join()
        self.large.peer.close()
        super().tearDown()

    def serve_others_until_cut(self):
        """Calls of others until the deaf one is cut. How long each took, in seconds; and the most that the broker held."""
        times, most = [], 0
        end = time.monotonic() + 60 * SLOWER
        while self.polite.result("rpc.stats")["slow_peers_cut"] == 0:
            self.assertLess(time.monotonic(), end, "it is not cut")
            begin = time.monotonic()
            self.assertEqual(self.polite.result("EchoUtil.CountString", "this is test"), 3)
            times.append(time.monotonic() - begin)
            most = max(most, resident(self.at.pid))
        return times, most

    def test_it_is_cut_and_others_are_served(self):
        deaf = Deaf(self.at.frontend)
        self.addCleanup(deaf.close)
        for msgid in range(CALLS):
            deaf.request(msgid, "Large.Get", options={"timeout": 60_000})
        times, most = self.serve_others_until_cut()
        times.sort()
        grown = most - self.at_first
        print(f"\n{len(times)} calls of others, p50 {1000 * times[len(times) // 2]:.2f} ms, p99 "
              f"{1000 * times[int(0.99 * len(times))]:.2f} ms, at most {1000 * times[-1]:.2f} ms; the broker grew by "
              f"{grown / MIB:.0f} MiB", flush=True)
        self.assert_within(times[-1], 1, "a call of others")
        if SLOWER == 1:  # sanitizers keep what was freed
            self.assertLess(grown, KEPT + UNDER_WAY + MIB + BESIDE)
        wait_until(deaf.is_cut, "its connection is closed")
        wait_until(lambda: self.polite.result("rpc.stats")["calls_in_system"] == 0, "nothing is left of it")
        stats = self.polite.result("rpc.stats")
        self.assertEqual(stats["slow_peers_cut"], 1)
        self.assertEqual(stats["unsent_bytes"], 0)


if __name__ == "__main__":
    main()

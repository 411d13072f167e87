"""Connections: silent ones, slow ones, too many, too fast. They go, and who is polite does not notice."""

import contextlib
import resource
import time

import msgpack

import zmtp
from hostile import FULL, MIB, HostileTest, Most, Polite, cpu, descriptors
from rpckit import main, wait_until

SILENT = 1000
CHURN_SECONDS = 20 if FULL else 5
CHURN_RATE = 200
HANDSHAKE = 2.0  # seconds, the broker's time for it


def say(one, what):
    """False: it is closed."""
    try:
        one.sendall(what)
        return True
    except OSError:
        return False


def close(many):
    for one in many:
        one.close()


class Connections(HostileTest):
    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < 8192:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))

    def open_many(self, endpoint, count, first=b""):
        many = []
        self.addCleanup(close, many)
        for _ in range(count):
            many.append(zmtp.connect(endpoint))
            say(many[-1], first)
        return many

    def assert_gone(self, broker, many, before, drip=b""):
        """All are closed within the time of a handshake and a second, however slowly they go on; the seconds it took."""
        begin, at = time.monotonic(), 0
        while descriptors(broker.pid) > before:
            self.assert_within(time.monotonic() - begin, HANDSHAKE + 1, f"{descriptors(broker.pid) - before} are left")
            if drip:
                for one in many:
                    say(one, drip[at:at + 1])
                at += 1
            time.sleep(0.1)
        return time.monotonic() - begin

    def silent(self, endpoint_of, first=b"", drip=b""):
        broker = self.serving()
        before = descriptors(broker.pid)
        with Polite(broker.frontend) as polite, Most(broker.pid) as memory:
            before = max(before, descriptors(broker.pid))
            many = self.open_many(endpoint_of(broker), SILENT, first)
            seconds = self.assert_gone(broker, many, before, drip)
        self.tell(f"{SILENT} gone {seconds:.2f} s after the last one came; it grew by {memory.grown / MIB:.0f} MiB; {polite}")
        self.assert_memory(memory.grown, 100 * MIB)
        self.assert_served(polite)

    def test_silent_ones(self):
        self.silent(lambda broker: broker.frontend)

    def test_silent_ones_at_the_backend(self):
        self.silent(lambda broker: broker.backend)

    def test_a_greeting_byte_by_byte(self):
        self.silent(lambda broker: broker.frontend, drip=zmtp.GREETING)

    def test_a_greeting_and_then_a_command_byte_by_byte(self):
        self.silent(lambda broker: broker.frontend, first=zmtp.GREETING, drip=b"\x04\xff" + bytes(100))

    def test_at_the_limit_of_descriptors(self):
        broker = self.broker("--max-connections-per-address", "1000", limits={resource.RLIMIT_NOFILE: 256})
        self.worker(broker)
        peer = self.client(broker)
        self.assertEqual(peer.result("EchoUtil.CountString", "this is test"), 3)
        many = self.open_many(broker.frontend, 1000)
        for one in many:
            say(one, zmtp.GREETING + zmtp.ready(Socket_Type=b"DEALER"))
        begin, used = time.monotonic(), cpu(broker.pid)
        while time.monotonic() < begin + 3:
            self.assertEqual(peer.result("EchoUtil.CountString", "this is test"), 3)
            time.sleep(0.05)
        share = (cpu(broker.pid) - used) / (time.monotonic() - begin)
        held = descriptors(broker.pid)
        stay = sum(not zmtp.is_closed(one) for one in many)  # through with their handshakes
        close(many)
        begin = time.monotonic()
        self.assert_alive(broker)
        seconds = time.monotonic() - begin
        self.tell(f"{stay} of 1,000 stay, {held} descriptors; {100 * share:.1f} % of a processor; a new client is served "
                  f"{seconds:.2f} s after they went")
        self.assertLess(held, 256)
        self.assert_within(share, 0.1, "share of a processor")
        self.assert_within(seconds, 1.0, "a new client after they went")
        self.assertGreater(self.client(broker).result("rpc.stats")["connections_refused"], 500)

    def test_too_many_from_one_address(self):
        broker = self.serving("--max-connections-per-address", "20")
        peer = self.client(broker)
        peer.result("rpc.ping")
        many = self.open_many(broker.frontend, 100)
        wait_until(lambda: peer.result("rpc.stats")["connections_refused"] >= 80, "those over the limit are refused")
        cut = wait_until(lambda: sum(zmtp.is_closed(one) for one in many) >= 80, "and cut")
        self.assertTrue(cut)
        wait_until(lambda: "refused connections" in broker.log, "it is said")
        self.assertIn("--max-connections-per-address", broker.log)
        self.assertLess(broker.log.count("refused connections"), 4)

    def test_too_fast_from_one_address(self):
        broker = self.serving("--max-accept-rate", "10")
        peer = self.client(broker)
        peer.result("rpc.ping")
        for _ in range(200):
            with contextlib.suppress(OSError):  # cut while it connects
                zmtp.connect(broker.frontend).close()
        wait_until(lambda: peer.result("rpc.stats")["connections_refused"] >= 100, "most are refused")
        wait_until(lambda: "--max-accept-rate" in broker.log, "it is said")
        time.sleep(0.3)
        self.assert_alive(broker)  # its turn comes

    def test_churn_beside_a_polite_client(self):
        broker = self.serving()
        before = descriptors(broker.pid)
        with Polite(broker.frontend) as polite, Most(broker.pid) as memory:
            begin, count = time.monotonic(), 0
            while time.monotonic() < begin + CHURN_SECONDS:
                raw = zmtp.Raw(broker.frontend)
                raw.send(msgpack.packb((0, 1, "rpc.ping", ())))
                raw.close()
                count += 1
                time.sleep(max(0.0, begin + count / CHURN_RATE - time.monotonic()))
            rate = count / (time.monotonic() - begin)
        self.tell(f"{rate:.0f} a second for {CHURN_SECONDS} s; it grew by {memory.grown / MIB:.1f} MiB; {polite}")
        self.assert_served(polite)
        self.assert_memory(memory.grown, 16 * MIB)
        self.assertLessEqual(self.settled(broker, before), before)
        self.assertEqual(self.client(broker).result("rpc.stats")["connections_refused"], 0)


if __name__ == "__main__":
    main()

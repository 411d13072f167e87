"""Messages without an end, and bodies larger than may be: whoever sends them is cut, others are served, memory is bounded."""

import time

import zmtp
from hostile import FULL, MIB, HostileTest, Most, Polite
from rpckit import main, wait_until

FLOOD = (1024 if FULL else 256) * MIB
SMALL_FRAMES = 0, 8, 30, 200, 1000, 4000
LARGE_FRAMES = 65536, MIB
ALLOWED = 64 * MIB


class Floods(HostileTest):
    def flood(self, broker, endpoint, size, may_have=0):
        """Frames of `size` that all say that more will come. (bytes sent, seconds until it is cut or None, growth)

        The seconds count from when more was sent than a message may have.
        """
        raw = zmtp.Raw(endpoint)
        self.addCleanup(raw.close)
        one = zmtp.frame(bytes(size), more=True)
        chunk = one * max(1, 262144 // len(one))
        sent, begin = 0, time.monotonic()
        with Most(broker.pid) as memory:
            try:
                while sent < FLOOD:
                    raw.socket.sendall(chunk)
                    sent += len(chunk)
                    if sent < may_have:
                        begin = time.monotonic()
            except OSError:
                return sent, time.monotonic() - begin, memory.grown
        return sent, None, memory.grown

    def assert_flood_is_cut(self, broker, endpoint, size, may_have=0, allowed=ALLOWED):
        sent, seconds, grown = self.flood(broker, endpoint, size, may_have)
        self.tell(f"frames of {size} bytes: after {sent / MIB:.0f} MiB and {seconds or -1:.2f} s; it grew by {grown / MIB:.0f} MiB")
        self.assertIsNotNone(seconds, f"frames of {size} bytes are cut")
        self.assert_within(seconds, 1.0, "until it is cut")
        self.assert_memory(grown, allowed)

    def test_small_frames_without_a_last_one(self):
        for size in SMALL_FRAMES:
            with self.subTest(size=size):
                broker = self.serving()
                with Polite(broker.frontend) as polite:
                    self.assert_flood_is_cut(broker, broker.frontend, size)
                self.tell(polite)
                self.assert_served(polite)

    def test_large_frames_without_a_last_one(self):
        # What a message may have comes in, so the largest one is lower than what it may grow by.
        for size in LARGE_FRAMES:
            with self.subTest(size=size):
                broker = self.serving("--max-message", "32MiB")
                with Polite(broker.frontend) as polite:
                    self.assert_flood_is_cut(broker, broker.frontend, size, 32 * MIB)
                self.tell(polite)
                self.assert_served(polite)

    def test_at_the_backend(self):
        broker = self.serving()
        self.assert_flood_is_cut(broker, broker.backend, 30)
        self.assert_alive(broker)
        stats = self.client(broker).result("rpc.stats")
        self.assertEqual((stats["floods_cut"], stats["workers"]), (1, 1))

    def test_bodies_larger_than_may_be(self):
        broker = self.serving("--max-message", "1MiB")
        with Polite(broker.frontend) as polite, Most(broker.pid) as memory:
            for endpoint in (broker.frontend, broker.backend):
                for size in (MIB + 1, 1 << 40, (1 << 63) + 5, (1 << 64) - 1):
                    raw = zmtp.Raw(endpoint)
                    raw.socket.sendall(b"\x02" + size.to_bytes(8, "big") + bytes(1000))
                    wait_until(raw.is_cut, f"a body of {size} bytes is cut")
                    raw.close()
        self.tell(f"it grew by {memory.grown / MIB:.1f} MiB; {polite}")
        self.assert_served(polite)
        self.assert_memory(memory.grown, 8 * MIB)

    def test_an_honest_large_body_comes_in_beside_a_flood(self):
        broker = self.serving()
        client = self.client(broker)
        msgid = client.request("EchoUtil.Echo", bytes(60 * MIB))
        # Its body, and once more with the msgid that the worker knows it by, which takes more bytes than its own.
        self.assert_flood_is_cut(broker, broker.frontend, 8, allowed=ALLOWED + 2 * 60 * MIB)
        error, result = client.response(msgid, within=60)
        self.assertIsNone(error)
        self.assertEqual(len(result), 60 * MIB)

    def test_bodies_that_look_like_a_flood_inside_are_none(self):
        """Arrays of ones are frames that say that more will come, to who looks in the middle of them."""
        broker = self.serving()
        for clients, size, ones in ((1, 40, b"\1"), (3, 20, b"\1\0")):
            peers = [self.client(broker) for _ in range(clients)]
            body = ones * (size * MIB // len(ones))
            for _ in range(3):
                for peer, msgid in [(peer, peer.request("EchoUtil.Echo", body)) for peer in peers]:
                    error, result = peer.response(msgid, within=60)
                    self.assertIsNone(error)
                    self.assertEqual(result, body)
        stats = self.client(broker).result("rpc.stats")
        self.assertEqual((stats["floods_cut"], stats["workers_lost"]), (0, 0))

    def test_what_strangers_send_before_the_handshake(self):
        broker = self.serving()
        with Polite(broker.frontend) as polite, Most(broker.pid) as memory:
            raw = zmtp.connect(broker.frontend)
            self.addCleanup(raw.close)
            begin, sent = time.monotonic(), 0
            try:
                raw.sendall(zmtp.GREETING + b"\x06" + (1 << 30).to_bytes(8, "big"))
                while sent < FLOOD:
                    raw.sendall(bytes(262144))
                    sent += 262144
            except OSError:
                pass
        self.tell(f"a command of 1 GiB: cut after {sent / MIB:.0f} MiB, {time.monotonic() - begin:.2f} s; it grew by "
                  f"{memory.grown / MIB:.0f} MiB; {polite}")
        self.assertLess(sent, FLOOD)
        self.assert_served(polite)
        self.assert_memory(memory.grown, ALLOWED)


if __name__ == "__main__":
    main()

"""Bodies of very many small messages: they are taken in shares, so that nobody else waits for the whole of them."""

import signal
import subprocess
import time

import msgpack
import zmq
from hostile import FULL, MIB, HostileTest, Most, Polite
from rpckit import in_flight, main, wait_until

SECONDS = 5 if FULL else 2
LIMIT = 256 * MIB  # of what is kept for who does not read


class Batches(HostileTest):
    def flooder(self, broker, *message):
        peer = self.peer(broker.frontend)
        peer.socket.setsockopt(zmq.SNDHWM, 4)
        one = msgpack.packb(message)
        return peer, lambda size: one * (size // len(one))

    def assert_others_are_served(self, size, *message, reads):
        broker = self.serving()
        peer, bodies_of = self.flooder(broker, *message)
        body, sent = bodies_of(size), 0
        with Polite(broker.frontend) as polite:
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                try:
                    peer.socket.send(body, zmq.NOBLOCK)
                    sent += 1
                except zmq.Again:
                    time.sleep(0.002)
                while reads and peer.socket.poll(0):
                    peer.socket.recv()
        self.tell(f"{sent} bodies of {size} bytes of {message}: {polite}")
        self.assertGreater(sent, 4)
        self.assert_served(polite)
        self.assertNotIn("worker lost", broker.log)

    def test_notifications_of_nothing(self):
        self.assert_others_are_served(1_000_000, 2, "rpc.x", [], reads=False)

    def test_pings_whose_answers_are_read(self):
        self.assert_others_are_served(100_000, 0, 1, "rpc.ping", [], reads=True)

    def test_pings_whose_answers_are_not_read(self):
        self.assert_others_are_served(100_000, 0, 1, "rpc.ping", [], reads=False)

    def test_who_leaves_is_noticed_beside_clients_that_never_stop(self):
        broker = self.broker()
        self.worker(broker, "--threads", "8")
        client = self.client(broker)
        leaves = [self.client(broker) for _ in range(4)]
        for peer in leaves:
            peer.request("EchoUtil.Sleep", 60_000, options={"timeout": 60_000})
        wait_until(lambda: in_flight(client) == len(leaves), "their calls run")
        body = msgpack.packb([2, "No.such", []]) * 1000
        flood = ("import sys, zmq; socket = zmq.Context().socket(zmq.DEALER); socket.connect(sys.argv[1])\n"
                 "body = bytes.fromhex(sys.stdin.read())\nwhile True: socket.send(body)")
        floods = [subprocess.Popen(["/usr/bin/python3", "-c", flood, broker.frontend], stdin=subprocess.PIPE)
                  for _ in range(2)]
        try:
            for process in floods:
                process.stdin.write(body.hex().encode())
                process.stdin.close()
            wait_until(lambda: client.result("rpc.stats")["one_way_failed"] > 100_000, "they have begun")
            begin = time.monotonic()
            for peer in leaves:
                peer.close()
            wait_until(lambda: in_flight(client) == 0, "their calls were cancelled")
            took = time.monotonic() - begin
        finally:
            for process in floods:
                process.kill()
                process.wait()
        self.tell(f"noticed after {took:.2f} s")
        self.assert_within(took, 3)

    def test_a_client_that_takes_the_place_of_one_whose_body_is_not_done_with(self):
        broker = self.broker()
        self.worker(broker, "--threads", "2")
        peer, bodies_of = self.flooder(broker, 0, 1, "rpc.ping", [])
        peer.socket.setsockopt(zmq.LINGER, 5000)
        peer.socket.send(bodies_of(32 * MIB))
        time.sleep(0.1)
        peer.close()
        time.sleep(0.1)
        client = self.client(broker)
        self.assertEqual(client.result("EchoUtil.Sleep", 500), 500)

    def test_a_body_that_was_begun_is_answered_before_the_broker_ends(self):
        broker = self.serving()
        peer, bodies_of = self.flooder(broker, 2, "rpc.x", [])
        first, last = (msgpack.packb([0, msgid, "rpc.ping", []]) for msgid in (1, 2))
        peer.socket.send(first + bodies_of(16 * MIB) + last)
        self.assertEqual(peer.receive()[:3], [1, 1, None])
        broker.signal(signal.SIGTERM)
        self.assertEqual(peer.receive()[:3], [1, 2, None])
        self.assertEqual(broker.wait(), 0)

    def test_one_body_whose_answers_are_many_times_as_large(self):
        broker = self.serving()
        peer, bodies_of = self.flooder(broker, 0, 1, "rpc.services", [])
        with Polite(broker.frontend) as polite, Most(broker.pid) as memory:
            peer.socket.send(bodies_of((48 if FULL else 16) * MIB))
            time.sleep(SECONDS)
        self.tell(f"it grew by {memory.grown / MIB:.0f} MiB; {polite}")
        self.assert_served(polite)
        self.assert_memory(memory.grown, 2 * LIMIT)
        self.assertNotIn("worker lost", broker.log)


if __name__ == "__main__":
    main()

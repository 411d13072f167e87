"""Room at a worker: a stuck handler costs one thread and is seen; several brokers share one capacity."""

import json
import subprocess
import time

from rpckit import BIN, PATIENCE, SLOWER, RpcTest, clean_environment, main, wait_until

THREADS = 8
FOR_GOOD = 3_600_000  # ms; room_peers' Room.Sleep does not stop when it is cancelled


class StuckHandler(RpcTest):
    def setUp(self):
        super().setUp()
        self.at = self.broker()
        self.peer_of_test = self.client(self.at)

    def stuck_worker(self, capacity=0):
        worker = self.program("room_peers", "worker", self.at.backend, THREADS, capacity)
        self.assertEqual(worker.line(), "room_peers ready")

    def get_stuck(self, calls=1):
        """Calls handlers that never end, with 200 ms for it."""
        msgids = [self.peer_of_test.request("Room.Sleep", FOR_GOOD, options={"timeout": 200}) for _ in range(calls)]
        for msgid in msgids:
            error, _ = self.peer_of_test.response(msgid)
            self.assert_error(error, "DEADLINE_EXCEEDED", by="broker", ran="maybe")

    def shown_worker(self):
        return self.peer_of_test.result("rpc.workers")[0]

    def seconds_for(self, calls, milliseconds):
        """How long so many calls of that length take together."""
        begin = time.monotonic()
        msgids = [self.peer_of_test.request("Room.Sleep", milliseconds) for _ in range(calls)]
        for msgid in msgids:
            self.assertEqual(self.peer_of_test.response(msgid), (None, None))
        return time.monotonic() - begin

    def test_it_costs_its_worker_one_thread_and_no_more(self):
        self.stuck_worker()
        self.get_stuck()
        self.assertGreaterEqual(self.seconds_for(THREADS, 300), 0.6)
        self.assert_within(self.seconds_for(THREADS - 1, 300), 0.59)
        begin = time.monotonic()
        for _ in range(100):
            self.assertEqual(self.peer_of_test.call("Room.Spin", 10), (None, None))
        self.assert_within(time.monotonic() - begin, 0.5)

    def test_it_is_seen_in_rpc_workers(self):
        self.stuck_worker()
        self.get_stuck()
        shown = self.shown_worker()
        self.assertEqual((shown["in_flight"], shown["abandoned"]), (1, 1))
        self.assertGreaterEqual(shown["oldest_us"], 200_000)
        self.seconds_for(1, 1)
        shown = self.shown_worker()
        self.assertEqual((shown["in_flight"], shown["abandoned"], shown["completed"]), (1, 1, 1))

    def test_it_is_seen_in_rpc_top(self):
        self.stuck_worker()
        self.get_stuck()
        run = subprocess.run([BIN / "rpc-top", "--broker", self.at.frontend, "--once", "--json", "--interval", "100ms"],
                             capture_output=True, text=True, env=clean_environment(), timeout=PATIENCE, check=True)
        [shown] = json.loads(run.stdout)["workers"]
        self.assertEqual(shown["abandoned"], 1)
        self.assertGreaterEqual(shown["oldest_us"], 200_000)

    def test_a_worker_that_is_all_stuck_keeps_nothing_waiting(self):
        self.stuck_worker()
        self.get_stuck(THREADS)
        begin = time.monotonic()
        msgid = self.peer_of_test.request("Room.Spin", 10)
        wait_until(lambda: self.shown_worker()["capacity"] == THREADS, "it takes no more")
        self.stuck_worker()
        self.assertEqual(self.peer_of_test.response(msgid), (None, None))
        self.assert_within(time.monotonic() - begin, 3)
        self.assertEqual(self.shown_worker()["abandoned"], THREADS)

    def test_with_a_fixed_capacity_it_takes_one_place(self):
        self.stuck_worker(capacity=THREADS)
        self.get_stuck()
        msgids = [self.peer_of_test.request("Room.Sleep", 500) for _ in range(THREADS)]
        wait_until(lambda: self.shown_worker()["in_flight"] == THREADS, "the other threads are at work")
        self.assertEqual(self.peer_of_test.result("rpc.stats")["calls_queued"], 1)
        for msgid in msgids:
            self.assertEqual(self.peer_of_test.response(msgid), (None, None))


class SeveralBrokers(RpcTest):
    """One worker that serves two brokers with one capacity."""

    def start(self, capacity):
        self.brokers = [self.broker(), self.broker()]
        self.worker(self.brokers[0], "--broker", self.brokers[1].backend, "--threads", THREADS, "--capacity", capacity)
        self.clients = [self.client(broker) for broker in self.brokers]
        wait_until(lambda: all(client.result("rpc.workers") for client in self.clients), "it is at both")

    def shown(self, key):
        return [sum(worker[key] for worker in client.result("rpc.workers")) for client in self.clients]

    def ask(self, client, calls, milliseconds):
        return [client.request("EchoUtil.Sleep", milliseconds) for _ in range(calls)]

    def assert_answered(self, client, msgids, milliseconds):
        for msgid in msgids:
            self.assertEqual(client.response(msgid), (None, milliseconds))

    def test_the_capacity_is_shared_not_multiplied(self):
        self.start(8)
        asked = [(client, self.ask(client, 100, 50)) for client in self.clients]
        wait_until(lambda: self.shown("capacity") == [4, 4], "each has its half")
        wait_until(lambda: self.shown("in_flight") == [4, 4], "and uses it")
        for client, msgids in asked:
            self.assert_answered(client, msgids, 50)

    def test_a_busy_broker_gets_what_the_other_does_not_use(self):
        self.start(8)
        busy, idle = self.clients
        msgids = self.ask(busy, 100, 50)
        wait_until(lambda: self.shown("capacity") == [7, 1], "the busy one has nearly all", within=2 * SLOWER)
        self.assert_answered(idle, self.ask(idle, 1, 10), 10)
        self.assert_answered(busy, msgids, 50)

    def test_the_share_of_a_broker_that_is_gone_returns(self):
        self.start(8)
        wait_until(lambda: self.shown("capacity") == [4, 4], "each has its half")
        gone, left = self.brokers
        gone.kill()
        wait_until(lambda: self.clients[1].result("rpc.workers")[0]["capacity"] == 8, "the other has all")
        self.brokers[0] = self.broker(frontend=gone.frontend, backend=gone.backend)
        self.clients[0] = self.client(self.brokers[0])
        wait_until(lambda: self.shown("capacity") == [4, 4], "it has its half again")
        for client in self.clients:
            self.assert_answered(client, self.ask(client, 20, 5), 5)

    def test_one_place_serves_both(self):
        self.start(1)
        begin = time.monotonic()
        asked = [(client, self.ask(client, 10, 20)) for client in self.clients]
        for client, msgids in asked:
            self.assert_answered(client, msgids, 20)
        self.assert_within(time.monotonic() - begin, 2)
        self.assertLessEqual(sum(self.shown("capacity")), 1)


if __name__ == "__main__":
    main()

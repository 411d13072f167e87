"""Who gets the calls: even shares, no waiting behind a busy worker, no call lost while workers come and go."""

import collections
import threading
import time

from rpckit import Peer, RpcTest, in_flight, main, wait_until


class Load:
    """A client on a thread of its own that keeps `window` calls under way until stop()."""

    def __init__(self, broker, method, *params, window=16):
        self.outcomes = collections.Counter()  # "ok" or the code of the error
        self._endpoint, self._method, self._params, self._window = broker.frontend, method, params, window
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        peer = Peer(self._endpoint)
        for _ in range(self._window):
            peer.request(self._method, *self._params)
        under_way = self._window
        while under_way:
            message = peer.receive()
            if message is None:
                self.outcomes["lost"] += under_way
                break
            under_way -= 1
            self.outcomes[message[2]["code"] if message[2] else "ok"] += 1
            if not self._stopping.is_set():
                peer.request(self._method, *self._params)
                under_way += 1
        peer.close()

    def wait_for(self, more):
        """Until so many more calls went well."""
        goal = self.outcomes["ok"] + more
        wait_until(lambda: self.outcomes["ok"] >= goal, f"{more} more calls go through")

    def stop(self):
        """Waits for all that is under way; the outcomes."""
        self._stopping.set()
        self._thread.join()
        return self.outcomes


class Shares(RpcTest):
    def test_four_workers_get_even_shares(self):
        broker = self.broker()
        for number in range(4):
            self.worker(broker, "--name", f"w{number}", "--threads", "1")
        client = self.client(broker)
        for window in (1, 8):
            with self.subTest(window=window):
                shares, total = collections.Counter(), 400
                pending = collections.deque(client.request("EchoUtil.Whoami") for _ in range(window))
                for sent in range(window, total + window):
                    error, result = client.response(pending.popleft())
                    self.assertIsNone(error)
                    shares[result["name"]] += 1
                    if sent < total:
                        pending.append(client.request("EchoUtil.Whoami"))
                    elif not pending:
                        break
                self.assertEqual(len(shares), 4, shares)
                for share in shares.values():
                    self.assertAlmostEqual(share, total / 4, delta=total / 20, msg=shares)


class Restart(RpcTest):
    def test_a_rolling_restart_fails_no_call(self):
        broker = self.broker()
        workers = [self.worker(broker, "--threads", "2") for _ in range(4)]
        loads = [Load(broker, "EchoUtil.Sleep", 5), Load(broker, "EchoUtil.CountString", "this is test")]
        try:
            for worker in workers:
                for load in loads:
                    load.wait_for(50)
                self.assertEqual(worker.terminate(), 0)
                self.worker(broker, "--threads", "2")
            for load in loads:
                load.wait_for(50)
        finally:
            outcomes = [load.stop() for load in loads]
        for outcome in outcomes:
            self.assertEqual(set(outcome), {"ok"}, outcome)

    def test_one_worker_restarted_alone_fails_no_call(self):
        broker = self.broker()
        worker = self.worker(broker)
        load = Load(broker, "EchoUtil.Sleep", 1)
        try:
            for _ in range(3):
                load.wait_for(20)
                self.assertEqual(worker.terminate(), 0)
                worker = self.worker(broker)
            load.wait_for(20)
        finally:
            outcome = load.stop()
        self.assertEqual(set(outcome), {"ok"}, outcome)


class SlowHandler(RpcTest):
    """Two workers of one thread each, one of them busy with Sleep 2000: short calls go to the other."""

    def setUp(self):
        super().setUp()
        broker = self.broker()
        for _ in range(2):
            self.worker(broker, "--threads", "1")
        self.peer_of_sleep = self.client(broker)
        self.peer_of_sleep.request("EchoUtil.Sleep", 2000)
        wait_until(lambda: in_flight(self.peer_of_sleep) == 1, "the long call runs")
        self.short = self.client(broker)
        self.short.result("rpc.ping")  # connected

    def test_short_calls_one_after_the_other(self):
        begin = time.monotonic()
        for _ in range(20):
            self.assertEqual(self.short.result("EchoUtil.CountString", "this is test"), 3)
        self.assert_within(time.monotonic() - begin, 0.2)

    def test_short_calls_all_at_once(self):
        begin = time.monotonic()
        msgids = [self.short.request("EchoUtil.CountString", "this is test") for _ in range(20)]
        for _ in msgids:
            self.assertEqual(self.short.receive()[2:4], [None, 3])
        self.assert_within(time.monotonic() - begin, 0.2)


class Queues(RpcTest):
    """A worker that is ours, so that what it takes is under control."""

    def start(self, capacity, *flags):
        broker = self.broker(*flags)
        worker = self.peer(broker.backend)
        error, _ = worker.register({"Slow": ["Go"]}, capacity=capacity)
        self.assertIsNone(error)
        return broker, worker

    def test_no_more_calls_than_the_capacity(self):
        broker, worker = self.start(2)
        client = self.client(broker)
        msgids = [client.request("Slow.Go", number) for number in range(5)]
        client.result("rpc.ping")
        first, second = worker.take(), worker.take()
        self.assertIsNone(worker.receive(within=0.2))
        self.assertEqual(client.result("rpc.services")[0]["queued"], 3)
        worker.reply(first[0], "done")
        third = worker.take()
        self.assertEqual([call[2] for call in (first, second, third)], [[0], [1], [2]])
        self.assertEqual(client.response(msgids[0]), (None, "done"))

    def test_a_queue_that_is_full_says_so_at_once(self):
        broker, worker = self.start(1, "--max-queued", "2")
        client = self.client(broker)
        msgids = [client.request("Slow.Go") for _ in range(4)]
        error, _ = client.response(msgids[3])
        self.assert_error(error, "RESOURCE_EXHAUSTED", by="broker", ran="no")
        for _ in range(3):
            worker.reply(worker.take()[0], "done")
        for msgid in msgids[:3]:
            self.assertEqual(client.response(msgid), (None, "done"))

    def test_bytes_that_wait_are_bounded(self):
        broker, worker = self.start(1, "--max-queued-bytes", "64KiB")
        client = self.client(broker)
        msgids = [client.request("Slow.Go", "x" * 40000) for _ in range(4)]
        error, _ = client.response(msgids[3])
        self.assert_error(error, "RESOURCE_EXHAUSTED", by="broker", ran="no")
        worker.reply(worker.take()[0], "done")
        self.assertEqual(client.response(msgids[0]), (None, "done"))

    def test_clients_are_served_in_turn(self):
        broker, worker = self.start(1)
        greedy, polite = self.client(broker), self.client(broker)
        for _ in range(50):
            greedy.request("Slow.Go", "greedy")
        greedy.result("rpc.ping")
        polite.request("Slow.Go", "polite")
        polite.result("rpc.ping")
        order = []
        for _ in range(4):
            msgid, _, params, _ = worker.take()
            order.append(params[0])
            worker.reply(msgid, None)
        self.assertIn("polite", order)

    def test_a_lower_capacity_binds_later_dispatches(self):
        broker, worker = self.start(3)
        worker.notify("rpc.heartbeat", {"capacity": 0})
        client = self.client(broker)
        wait_until(lambda: client.result("rpc.workers")[0]["capacity"] == 0, "the broker knows")
        msgid = client.request("Slow.Go")
        self.assertIsNone(worker.receive(within=0.2))
        worker.notify("rpc.heartbeat", {"capacity": 1})
        worker.reply(worker.take()[0], "done")
        self.assertEqual(client.response(msgid), (None, "done"))


class Keys(RpcTest):
    """Which worker a key goes to depends on nothing but the workers that are there."""

    KEYS = 1000

    def places(self, client):
        """The worker of each key."""
        msgids = [client.request("EchoUtil.Whoami", options={"key": f"user {i}"}) for i in range(self.KEYS)]
        return [client.response(msgid)[1]["name"] for msgid in msgids]

    def test_a_worker_that_joins_or_leaves_moves_only_its_share(self):
        broker = self.broker()
        for name in ("one", "two", "three", "four"):
            self.worker(broker, "--name", name)
        client = self.client(broker)
        before = self.places(client)
        self.assertEqual(self.places(client), before)
        fifth = self.worker(broker, "--name", "five")
        joined = self.places(client)
        moved = [new for old, new in zip(before, joined) if old != new]
        self.assertEqual(set(moved), {"five"})
        share = self.KEYS / 5
        self.assertTrue(0.8 * share <= len(moved) <= 1.2 * share, f"{len(moved)} keys moved")
        fifth.terminate()
        self.assertEqual(self.places(client), before)


class ExpectedWait(RpcTest):
    def test_who_would_wait_too_long_is_refused_and_others_are_not(self):
        broker = self.broker()
        self.worker(broker, "--threads", 1, "--capacity", 1)
        flooding, polite = self.client(broker), self.client(broker)
        for _ in range(100):  # 50 ms each
            flooding.request("EchoUtil.Sleep", 50, options={"timeout": 60_000})
        wait_until(lambda: polite.result("rpc.workers")[0]["completed"] >= 20, "its rate is known")
        begin = time.monotonic()
        error, _ = flooding.call("EchoUtil.Sleep", 50, options={"timeout": 1000})
        self.assert_error(error, "RESOURCE_EXHAUSTED", by="broker", ran="no")
        self.assertGreater(error["retry_after"], 0)
        self.assert_within(time.monotonic() - begin, 1.0, "before its time is over")
        self.assertEqual(polite.result("EchoUtil.Sleep", 50, options={"timeout": 1000}), 50)
        self.assertEqual(polite.result("rpc.stats")["calls_refused_by_wait"], 1)


if __name__ == "__main__":
    main()

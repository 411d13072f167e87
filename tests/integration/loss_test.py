"""Whoever dies or hangs: callers hear of it in time, what may run again does, everybody finds back."""

import signal
import statistics
import time

from rpckit import HEARTBEAT, RpcTest, in_flight, main, wait_until

# A peer is lost after three silent heartbeats; the rest is for a loop's turn and a loaded machine.
SILENCE = 3 * HEARTBEAT + 0.25


class KilledWorker(RpcTest):
    def test_its_caller_hears_within_100_ms(self):
        broker = self.broker("--restart-grace", "10s")
        client = self.client(broker)
        delays = []
        for _ in range(20):
            worker = self.worker(broker, "--threads", "1")
            msgid = client.request("EchoUtil.Sleep", 20000)
            wait_until(lambda: in_flight(client) == 1, "the call runs")
            begin = time.monotonic()
            worker.kill()
            error, _ = client.response(msgid)
            delays.append(time.monotonic() - begin)
            self.assert_error(error, "UNAVAILABLE", ran="maybe", by="broker")
        self.assert_within(statistics.median(delays), 0.1, delays)

    def test_an_idempotent_call_runs_on_another(self):
        broker = self.broker()
        names = {worker.worker_name: worker for worker in
                 (self.worker(broker, "--name", name, "--threads", "1") for name in ("one", "two"))}
        client = self.client(broker)
        msgid = client.request("EchoUtil.Sleep", 1000, options={"idempotent": True})
        wait_until(lambda: in_flight(client) == 1, "the call runs")
        busy = next(worker["name"] for worker in client.result("rpc.workers") if worker["in_flight"])
        names[busy].kill()
        self.assertEqual(client.response(msgid), (None, 1000))

    def test_an_idempotent_call_runs_once_more_and_no_more(self):
        broker = self.broker()
        client = self.client(broker)
        msgid = None
        for _ in range(2):
            worker = self.worker(broker, "--threads", "1")
            msgid = msgid or client.request("EchoUtil.Sleep", 20000, options={"idempotent": True})
            wait_until(lambda: in_flight(client) == 1, "the call runs")
            worker.kill()
        self.assert_error(client.response(msgid)[0], "UNAVAILABLE", ran="maybe")

    def test_queued_calls_go_on(self):
        broker = self.broker()
        doomed = self.peer(broker.backend)
        self.assertIsNone(doomed.register({"EchoUtil": ["CountString"]}, capacity=1)[0])
        client = self.client(broker)
        msgids = [client.request("EchoUtil.CountString", "s" * number) for number in range(10)]
        running, _, params, _ = doomed.take()
        self.assertEqual(params, [""])
        self.worker(broker)
        doomed.close()
        error, _ = client.response(msgids[0])
        self.assert_error(error, "UNAVAILABLE", ran="maybe")
        for number in range(1, 10):
            self.assertEqual(client.response(msgids[number]), (None, number))

    def test_calls_without_any_worker_wait_for_the_next(self):
        broker = self.broker()
        self.worker(broker).kill()
        client = self.client(broker)
        msgid = client.request("EchoUtil.CountString", "this is test")
        client.result("rpc.ping")
        self.worker(broker)
        self.assertEqual(client.response(msgid), (None, 3))

    def test_calls_without_any_worker_end_with_the_grace(self):
        broker = self.broker("--restart-grace", "300ms")
        self.worker(broker).kill()
        error, _ = self.client(broker).call("EchoUtil.CountString", "this is test")
        self.assert_error(error, "UNAVAILABLE", ran="no", by="broker")


class StoppedWorker(RpcTest):
    def test_its_caller_hears_within_three_heartbeats(self):
        broker = self.broker()
        worker = self.worker(broker)
        client = self.client(broker)
        msgid = client.request("EchoUtil.Sleep", 20000)
        wait_until(lambda: in_flight(client) == 1, "the call runs")
        begin = time.monotonic()
        worker.signal(signal.SIGSTOP)
        error, _ = client.response(msgid)
        self.assert_within(time.monotonic() - begin, SILENCE)
        self.assert_error(error, "UNAVAILABLE", ran="maybe", by="broker")

    def test_it_is_back_when_it_goes_on(self):
        broker = self.broker()
        worker = self.worker(broker)
        client = self.client(broker)
        worker.signal(signal.SIGSTOP)
        wait_until(lambda: not client.result("rpc.workers"), "the broker gives it up")
        worker.signal(signal.SIGCONT)
        self.assertEqual(client.result("EchoUtil.CountString", "this is test"), 3)

    def test_a_handler_that_runs_long_loses_nobody(self):
        broker = self.broker("--heartbeat", "100ms")
        self.worker(broker, "--threads", "1")
        client = self.client(broker)
        self.assertEqual(client.result("EchoUtil.Sleep", 1500), 1500)


class KilledBroker(RpcTest):
    def restart(self, broker):
        return self.broker(frontend=broker.frontend, backend=broker.backend)

    def test_calls_succeed_again_within_two_seconds(self):
        broker = self.broker()
        workers = [self.worker(broker) for _ in range(2)]
        client = self.client(broker)
        self.assertEqual(client.result("EchoUtil.CountString", "this is test"), 3)
        broker.kill()
        begin = time.monotonic()
        broker = self.restart(broker)
        called = self.call(broker, "EchoUtil.CountString", "this is test")
        self.assert_within(time.monotonic() - begin, 2)
        self.assertEqual(called.stdout, "3", called)
        client = self.client(broker)
        wait_until(lambda: len(client.result("rpc.workers")) == 2, "both workers are back", within=2)
        self.assert_within(time.monotonic() - begin, 2)
        self.assertEqual([worker.process.poll() for worker in workers], [None, None])

    def test_a_broker_that_was_away_for_long_is_found_again(self):
        broker = self.broker()
        self.worker(broker)
        broker.kill()
        time.sleep(3)  # reconnecting has reached its longest pauses
        begin = time.monotonic()
        called = self.call(self.restart(broker), "EchoUtil.CountString", "this is test")
        self.assert_within(time.monotonic() - begin, 2)
        self.assertEqual(called.stdout, "3", called)

    def test_callers_in_flight_hear_within_three_heartbeats(self):
        broker = self.broker()
        self.worker(broker)
        client = self.client(broker)
        caller = self.program("rpc-call", "--broker", broker.frontend, "EchoUtil.Sleep", "20000")
        wait_until(lambda: in_flight(client) == 1, "the call runs")
        begin = time.monotonic()
        broker.kill()
        self.assertEqual(caller.wait(), 3, caller.log)
        self.assert_within(time.monotonic() - begin, SILENCE)
        self.assertTrue(caller.log.startswith("rpc-call: UNAVAILABLE: "), caller.log)

    def test_callers_of_a_stopped_broker_hear_within_three_heartbeats(self):
        broker = self.broker()
        self.worker(broker)
        client = self.client(broker)
        caller = self.program("rpc-call", "--broker", broker.frontend, "EchoUtil.Sleep", "20000")
        wait_until(lambda: in_flight(client) == 1, "the call runs")
        time.sleep(HEARTBEAT)  # it was heard of at least once
        begin = time.monotonic()
        broker.signal(signal.SIGSTOP)
        self.assertEqual(caller.wait(), 3, caller.log)
        self.assert_within(time.monotonic() - begin, SILENCE)

    def test_a_client_that_stays_connected_goes_on(self):
        broker = self.broker()
        self.worker(broker)
        client = self.client(broker)
        self.assertEqual(client.result("EchoUtil.CountString", "this is test"), 3)
        broker.kill()
        self.restart(broker)
        self.assertEqual(client.result("EchoUtil.CountString", "this is test"), 3)


class ChosenIdentity(RpcTest):
    """The identity of a connection is the peer's to choose, and nothing leans on it."""

    def serve_once(self, broker, identity):
        worker = self.peer(broker.backend, identity=identity)
        error, registered = worker.register({"Mine": ["Work"]}, heartbeat=False)
        self.assertIsNone(error)
        client = self.client(broker)
        msgid = client.request("Mine.Work", "x")
        call, method, params, _ = worker.take()
        self.assertEqual((method, params), ("Mine.Work", ["x"]))
        worker.reply(call, "done")
        self.assertEqual(client.response(msgid), (None, "done"))
        worker.notify("rpc.leave")
        worker.notification("rpc.left")
        worker.close()
        return registered["worker"]

    def test_a_whole_life_and_another_one(self):
        broker = self.broker()
        client = self.client(broker)
        for identity in (b"me", b"\x01\x02\x03\x04\x05", b"x" * 255):
            for _ in range(2):
                with self.subTest(identity=identity):
                    self.serve_once(broker, identity)
                    wait_until(lambda: not client.result("rpc.workers"), "the broker saw it go")

    def test_clients_with_the_same_identity_one_after_the_other(self):
        broker = self.broker()
        self.worker(broker)
        observer = self.client(broker)
        for _ in range(3):
            client = self.peer(broker.frontend, identity=b"client")
            self.assertEqual(client.result("EchoUtil.CountString", "this is test"), 3)
            client.close()
            wait_until(lambda: observer.result("rpc.stats")["clients"] == 1, "the broker saw it go")


if __name__ == "__main__":
    main()

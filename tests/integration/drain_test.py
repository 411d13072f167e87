"""Leaving in order: what a broker and a worker do between SIGTERM and their end."""

import signal

from rpckit import RpcTest, in_flight, main, wait_until, worker_id


class BrokerLeaves(RpcTest):
    def start(self, *flags):
        broker = self.broker(*flags)
        self.worker(broker)
        return broker, self.client(broker)

    def test_calls_in_flight_end_and_new_ones_are_refused(self):
        broker, client = self.start()
        client.hello()
        msgid = client.request("EchoUtil.Sleep", 1000)
        wait_until(lambda: in_flight(client) == 1, "the call runs")
        broker.signal(signal.SIGTERM)
        self.assertEqual(client.notification("rpc.goaway"), [])
        error, _ = client.call("EchoUtil.CountString", "this is test")
        self.assert_error(error, "UNAVAILABLE", by="broker", ran="no")
        self.assertEqual(client.response(msgid), (None, 1000))
        self.assertEqual(broker.wait(), 0)

    def test_who_never_said_hello_gets_no_goaway(self):
        broker, client = self.start()
        msgid = client.request("EchoUtil.Sleep", 500)
        wait_until(lambda: in_flight(client) == 1, "the call runs")
        broker.signal(signal.SIGTERM)
        self.assertEqual(client.receive()[:2], [1, msgid])
        self.assertEqual(broker.wait(), 0)

    def test_what_does_not_end_in_time_is_answered(self):
        broker, client = self.start("--drain-timeout", "300ms")
        msgid = client.request("EchoUtil.Sleep", 20000)
        wait_until(lambda: in_flight(client) == 1, "the call runs")
        broker.signal(signal.SIGTERM)
        self.assert_error(client.response(msgid)[0], "UNAVAILABLE", by="broker", ran="maybe")
        self.assertEqual(broker.wait(), 0)

    def test_calls_that_wait_for_a_worker_are_answered(self):
        broker = self.broker("--drain-timeout", "300ms")
        worker = self.peer(broker.backend)
        self.assertIsNone(worker.register({"Slow": ["Go"]}, capacity=0)[0])
        client = self.client(broker)
        msgid = client.request("Slow.Go")
        client.result("rpc.ping")
        broker.signal(signal.SIGTERM)
        self.assert_error(client.response(msgid)[0], "UNAVAILABLE", by="broker", ran="no")
        self.assertEqual(broker.wait(), 0)

    def test_as_many_as_wait_are_answered(self):
        broker = self.broker("--drain-timeout", "300ms")
        worker = self.peer(broker.backend)
        self.assertIsNone(worker.register({"Slow": ["Go"]}, capacity=0)[0])
        client = self.client(broker)  # takes no batches: each answer is a body of its own
        msgids = [client.request("Slow.Go") for _ in range(5000)]
        client.result("rpc.ping")
        broker.signal(signal.SIGTERM)
        for msgid in msgids:
            self.assert_error(client.response(msgid)[0], "UNAVAILABLE", by="broker", ran="no")
        self.assertEqual(broker.wait(), 0)

    def test_large_results_arrive_before_the_end(self):
        broker, client = self.start()
        text = "s" * (1 << 20)
        msgids = [client.request("EchoUtil.Echo", text) for _ in range(8)]
        client.result("rpc.ping")  # all of them are in
        broker.signal(signal.SIGTERM)
        for _ in msgids:
            self.assertEqual(client.receive()[2:4], [None, text])
        self.assertEqual(broker.wait(), 0)


class WorkerLeaves(RpcTest):
    def test_sigterm_finishes_what_runs(self):
        broker = self.broker()
        worker = self.worker(broker)
        client = self.client(broker)
        msgid = client.request("EchoUtil.Sleep", 1000)
        wait_until(lambda: in_flight(client) == 1, "the call runs")
        worker.signal(signal.SIGTERM)
        self.assertEqual(client.response(msgid), (None, 1000))
        self.assertEqual(worker.wait(), 0)

    def test_a_drained_worker_finishes_and_ends(self):
        broker = self.broker()
        worker = self.worker(broker, "--name", "leaving")
        client = self.client(broker)
        msgid = client.request("EchoUtil.Sleep", 1000)
        wait_until(lambda: in_flight(client) == 1, "the call runs")
        client.result("rpc.drain", worker_id(client, "leaving"))
        self.assertTrue(client.result("rpc.workers")[0]["draining"])
        self.worker(broker)
        self.assertEqual(client.result("EchoUtil.CountString", "this is test"), 3)
        self.assertEqual(client.response(msgid), (None, 1000))
        self.assertEqual(worker.wait(), 0)

    def test_it_leaves_without_a_broker_too(self):
        broker = self.broker()
        worker = self.worker(broker)
        broker.kill()
        self.assertEqual(worker.terminate(), 0)

    def test_calls_not_started_go_to_another(self):
        broker = self.broker()
        worker = self.peer(broker.backend)
        self.assertIsNone(worker.register({"EchoUtil": ["CountString"]}, capacity=10)[0])
        client = self.client(broker)
        msgids = [client.request("EchoUtil.CountString", "s" * number) for number in range(10)]
        calls = [worker.take()[0] for _ in msgids]
        self.worker(broker)
        worker.notify("rpc.leave")
        worker.notify("rpc.return", calls)
        worker.notification("rpc.left")
        for number, msgid in enumerate(msgids):
            self.assertEqual(client.response(msgid), (None, number))


if __name__ == "__main__":
    main()

"""Cancelling with the real programs: whoever gives up, the call ends at once, its handler hears of it, its place is free."""

import signal
import time

from rpckit import PATIENCE, RpcTest, in_flight, main, wait_until

CALLS = 1000
THREADS = 64


class Cancelling(RpcTest):
    def sleeping(self, client, count=1, **options):
        """`count` calls of Sleep, a minute each; their msgids."""
        return [client.request("EchoUtil.Sleep", 60_000, options={"timeout": 120_000, **options}) for _ in range(count)]

    def test_a_cancelled_call_ends_at_once_and_frees_its_place(self):
        broker = self.broker()
        self.worker(broker, "--threads", 1)
        client = self.client(broker)
        msgid, = self.sleeping(client)
        wait_until(lambda: in_flight(client) == 1, "it runs")
        client.notify("rpc.cancel", msgid)
        error, _ = client.response(msgid)
        self.assert_error(error, "CANCELLED", by="broker", ran="maybe")
        wait_until(lambda: in_flight(client) == 0, "its place is free")
        self.assertEqual(client.result("EchoUtil.Sleep", 1), 1)

    def test_the_last_of_equal_msgids_is_meant(self):
        broker = self.broker()
        worker = self.peer(broker.backend)
        worker.register({"S": ["m"]}, capacity=2)
        client = self.client(broker)
        client.send(0, 7, "S.m", ["first"])
        client.send(0, 7, "S.m", ["second"])
        client.notify("rpc.cancel", 7)
        self.assert_error(client.response(7)[0], "CANCELLED")
        calls = {params[0]: msgid for msgid, _, params, _ in (worker.take(), worker.take())}
        self.assertEqual(worker.notification("rpc.cancel"), [calls["second"]])

    def test_a_deadline_cancels_the_handler(self):
        broker = self.broker()
        self.worker(broker, "--threads", 1)
        client = self.client(broker)
        error, _ = client.call("EchoUtil.Sleep", 60_000, options={"timeout": 100})
        self.assert_error(error, "DEADLINE_EXCEEDED", ran="maybe")
        wait_until(lambda: in_flight(client) == 0, "its place is free")

    def test_a_client_that_is_gone_cancels_the_handler(self):
        broker = self.broker()
        self.worker(broker, "--threads", 1)
        client, gone = self.client(broker), self.client(broker)
        self.sleeping(gone)
        wait_until(lambda: in_flight(client) == 1, "it runs")
        gone.close()
        wait_until(lambda: in_flight(client) == 0, "its place is free")

    def test_a_client_that_hangs_cancels_the_handler(self):
        broker = self.broker()
        self.worker(broker, "--threads", 1)
        client = self.client(broker)
        hanging = self.program("rpc-call", "--broker", broker.frontend, "--timeout", "2m", "EchoUtil.Sleep", 60_000)
        wait_until(lambda: in_flight(client) == 1, "it runs")
        begin = time.monotonic()
        hanging.signal(signal.SIGSTOP)
        wait_until(lambda: in_flight(client) == 0, "its place is free")
        self.assert_within(time.monotonic() - begin, 3.0, "three heartbeats, and a moment")
        self.assertEqual(client.result("rpc.stats")["clients_lost"], 1)

    def test_ctrl_c_in_rpc_call_cancels_at_the_broker(self):
        broker = self.broker()
        self.worker(broker, "--threads", 1)
        client = self.client(broker)
        call = self.program("rpc-call", "--broker", broker.frontend, "--timeout", "2m", "EchoUtil.Sleep", 60_000)
        wait_until(lambda: in_flight(client) == 1, "it runs")
        call.signal(signal.SIGINT)
        self.assertEqual(call.wait(), 9)
        wait_until(lambda: in_flight(client) == 0, "its place is free")

    def cancel_many(self, *flags):
        broker = self.broker()
        for _ in range(4):
            self.worker(broker, "--threads", THREADS // 4, *flags)
        client = self.client(broker)
        msgids = self.sleeping(client, CALLS)
        stats = lambda: client.result("rpc.stats")
        wait_until(lambda: len(client.result("rpc.calls")) == CALLS, "all are accepted")
        wait_until(lambda: in_flight(client) >= THREADS, "all threads are busy")
        begin = time.monotonic()
        for msgid in msgids:
            client.notify("rpc.cancel", msgid)
        for msgid in msgids:
            self.assert_error(client.response(msgid)[0], "CANCELLED")
        wait_until(lambda: stats()["places_taken"] == 0, "all places are free", PATIENCE)
        self.assert_within(time.monotonic() - begin, 1.0, "all places are free within a second")

    def test_a_thousand_calls_cancelled_at_once(self):
        self.cancel_many()

    def test_a_thousand_calls_cancelled_at_once_that_wait_in_the_workers(self):
        self.cancel_many("--capacity", CALLS // 4)


if __name__ == "__main__":
    main()

"""Streams with the real programs: items, credit, ends, and bounded memory while nobody reads."""

import os
import signal
import subprocess
import sys
import time

from rpckit import BIN, RpcTest, clean_environment, in_flight, main, wait_until

TICKER = {"Ticker": [{"name": "Tick", "stream": True}]}


def resident(program):
    """Resident memory of a program, in bytes."""
    with open(f"/proc/{program.pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Reading(RpcTest):
    def setUp(self):
        super().setUp()
        self.rpc_broker = self.broker()
        self.worker(self.rpc_broker)

    def read(self, client, msgid, credit=0):
        """The items of a stream up to its response, and that response; grants one more item for each that came."""
        items = []
        while True:
            message = client.expect(lambda m: m[0] in (1, 3) and m[1] == msgid, "an item or the end")
            if message[0] == 1:
                return items, message[2], message[3]
            items.append(message[2])
            if credit:
                client.notify("rpc.credit", msgid, credit)

    def test_rpc_call_prints_a_line_an_item(self):
        called = self.call(self.rpc_broker, "EchoUtil.Range", 5)
        self.assertEqual((called.status, called.stdout), (0, "0\n1\n2\n3\n4"), called)

    def test_an_empty_stream_prints_nothing(self):
        called = self.call(self.rpc_broker, "EchoUtil.Range", 0)
        self.assertEqual((called.status, called.output), (0, b""), called)

    def test_many_items_come_in_order(self):
        called = self.call(self.rpc_broker, "EchoUtil.Range", 100_000)
        self.assertEqual(called.status, 0, called.stderr)
        self.assertEqual(called.stdout.split("\n"), [str(i) for i in range(100_000)])

    def test_the_final_result_ends_the_items(self):
        client = self.client(self.rpc_broker)
        msgid = client.request("EchoUtil.Range", 3, options={"stream": 100})
        self.assertEqual(self.read(client, msgid), ([0, 1, 2], None, 3))

    def test_no_more_items_come_than_were_granted(self):
        client = self.client(self.rpc_broker)
        msgid = client.request("EchoUtil.Range", 10, options={"stream": 4})
        self.assertEqual([client.receive()[2] for _ in range(4)], [0, 1, 2, 3])
        self.assertIsNone(client.receive(within=0.3))
        client.notify("rpc.credit", msgid, 1)
        self.assertEqual(client.receive(), [3, msgid, 4])
        self.assertIsNone(client.receive(within=0.3))
        client.notify("rpc.credit", msgid, 100)
        self.assertEqual(self.read(client, msgid), ([5, 6, 7, 8, 9], None, 10))

    def test_a_stream_may_begin_without_credit(self):
        client = self.client(self.rpc_broker)
        msgid = client.request("EchoUtil.Range", 3, options={"stream": 0})
        self.assertIsNone(client.receive(within=0.3))
        client.notify("rpc.credit", msgid, 1)
        self.assertEqual(self.read(client, msgid, credit=1), ([0, 1, 2], None, 3))

    def test_streams_of_one_connection_go_side_by_side(self):
        client = self.client(self.rpc_broker)
        first = client.request("EchoUtil.Range", 5, options={"stream": 1})
        second = client.request("EchoUtil.Range", 7, options={"stream": 1})
        self.assertEqual(self.read(client, second, credit=1), (list(range(7)), None, 7))
        self.assertEqual(self.read(client, first, credit=1), (list(range(5)), None, 5))

    def test_a_stream_without_the_option_is_refused(self):
        error, _ = self.client(self.rpc_broker).call("EchoUtil.Range", 5)
        self.assert_error(error, "INVALID_ARGUMENT", ran="no")
        self.assertIn("stream", error["message"])

    def test_a_plain_call_may_be_made_with_the_option(self):
        client = self.client(self.rpc_broker)
        self.assertEqual(client.result("EchoUtil.CountString", "this is test", options={"stream": 9}), 3)

    def test_the_listing_says_that_it_streams(self):
        self.assertIn("Range(n: int) -> stream of int", self.call(self.rpc_broker, "--list").stdout)
        described = self.client(self.rpc_broker).result("rpc.describe", "EchoUtil.Range")
        self.assertTrue(described["stream"], described)

    def test_wrong_parameters_are_an_error(self):
        called = self.call(self.rpc_broker, "EchoUtil.Range", "ten")
        self.assertEqual(called.status, 6, called)
        self.assertIn("parameter 1 (n): expected int, got str", called.stderr)

    def test_a_reader_that_closes_its_pipe_ends_it(self):
        run = subprocess.run(f"{BIN}/rpc-call --broker {self.rpc_broker.frontend} EchoUtil.Range 100000000 | head -n 2",
                             shell=True, capture_output=True, text=True, timeout=60, env=clean_environment())
        self.assertEqual(run.stdout, "0\n1\n", run.stderr)
        client = self.client(self.rpc_broker)
        wait_until(lambda: in_flight(client) == 0, "the stream's place is free")

    def test_ctrl_c_cancels_it(self):
        process = self.program("rpc-call", "--broker", self.rpc_broker.frontend, "EchoUtil.Range", 1_000_000_000)
        self.assertEqual(process.line(), "0")
        process.signal(signal.SIGINT)
        process.process.stdout.read()
        self.assertEqual(process.wait(), 9)
        self.assertIn("CANCELLED", process.log)
        client = self.client(self.rpc_broker)
        wait_until(lambda: in_flight(client) == 0, "the stream's place is free")


class Ends(RpcTest):
    """Streams whose worker is spoken for by the test."""

    def setUp(self):
        super().setUp()
        self.rpc_broker = self.broker()
        self.ticker = self.peer(self.rpc_broker.backend)
        self.ticker.register(TICKER)
        self.reader = self.client(self.rpc_broker)

    def begin(self, stream=10, **options):
        msgid = self.reader.request("Ticker.Tick", options={"stream": stream, **options})
        return msgid, self.ticker.take()[0]

    def test_a_lost_worker_ends_it_after_the_items_that_came(self):
        msgid, call = self.begin(idempotent=True)
        self.ticker.send(3, call, "tick")
        self.ticker.send(3, call, "tock")
        self.assertEqual(self.reader.receive(), [3, msgid, "tick"])
        self.ticker.close()
        self.assertEqual(self.reader.receive(), [3, msgid, "tock"])
        error, _ = self.reader.response(msgid)
        self.assert_error(error, "UNAVAILABLE", ran="maybe")

    def test_more_items_than_granted_end_it(self):
        msgid, call = self.begin(stream=1)
        self.ticker.send(3, call, "one")
        self.ticker.send(3, call, "two")
        self.assertEqual(self.reader.receive(), [3, msgid, "one"])
        error, _ = self.reader.response(msgid)
        self.assert_error(error, "INTERNAL", by="broker", ran="maybe")
        self.assertEqual(self.ticker.notification("rpc.cancel"), [call])

    def test_items_for_a_plain_call_end_it(self):
        self.ticker.register({"Plain": ["m"]})
        msgid = self.reader.request("Plain.m")
        call = self.ticker.take()[0]
        self.ticker.send(3, call, "item")
        error, _ = self.reader.response(msgid)
        self.assert_error(error, "INTERNAL", by="broker", ran="maybe")

    def test_cancelling_reaches_the_worker_and_drops_what_comes_late(self):
        msgid, call = self.begin()
        self.reader.notify("rpc.cancel", msgid)
        error, _ = self.reader.response(msgid)
        self.assert_error(error, "CANCELLED")
        self.assertEqual(self.ticker.notification("rpc.cancel"), [call])
        self.ticker.send(3, call, "late")
        self.ticker.reply(call, "late")
        wait_until(lambda: in_flight(self.reader) == 0, "its place is free")
        self.assertIsNone(self.reader.receive(within=0.2))

    def test_a_reader_that_is_gone_cancels_it(self):
        _, call = self.begin()
        self.reader.close()
        self.assertEqual(self.ticker.notification("rpc.cancel"), [call])

    def test_its_deadline_ends_it(self):
        msgid, call = self.begin(timeout=1000)
        self.ticker.send(3, call, "tick")
        self.assertEqual(self.reader.receive(), [3, msgid, "tick"])
        error, _ = self.reader.response(msgid)
        self.assert_error(error, "DEADLINE_EXCEEDED", ran="maybe")
        self.assertEqual(self.ticker.notification("rpc.cancel"), [call])

    def test_an_error_after_items(self):
        msgid, call = self.begin()
        self.ticker.send(3, call, "tick")
        self.ticker.reply(call, error={"code": "OUT_OF_RANGE", "message": "no more"})
        self.assertEqual(self.reader.receive(), [3, msgid, "tick"])
        error, _ = self.reader.response(msgid)
        self.assert_error(error, "OUT_OF_RANGE")

    def test_rpc_call_prints_the_items_before_the_error(self):
        process = self.program("rpc-call", "--broker", self.rpc_broker.frontend, "Ticker.Tick")
        call = self.ticker.take()[0]
        self.ticker.send(3, call, "tick")
        self.assertEqual(process.line(), '"tick"')  # it is printed as it comes
        self.ticker.reply(call, error={"code": "OUT_OF_RANGE", "message": "no more"})
        self.assertEqual(process.wait(), 1)
        self.assertIn("rpc-call: OUT_OF_RANGE: no more", process.log)

    def test_an_envelope_takes_no_stream(self):
        import zmq
        req = self.peer(self.rpc_broker.frontend, kind=zmq.REQ)
        error, _ = req.call("Ticker.Tick", options={"stream": 1})
        self.assert_error(error, "INVALID_ARGUMENT", ran="no")

    def test_credit_while_the_call_waits_adds_up(self):
        first, call = self.begin(stream=1)  # takes the worker's only place
        msgid = self.reader.request("Ticker.Tick", options={"stream": 2})
        self.reader.notify("rpc.credit", msgid, 3)
        self.reader.result("rpc.ping")
        self.ticker.reply(call)
        waited, _, _, options = self.ticker.take()
        more = self.ticker.notification("rpc.credit")
        self.assertEqual((options["stream"], more), (2, [waited, 3]))


class Memory(RpcTest):
    """A reader that stops: nobody piles up what it does not take."""

    ROOM = 16 << 20
    PAUSE = float(os.environ.get("RPC_STREAM_PAUSE", 2))  # seconds; the figures in docs are for 30

    def setUp(self):
        super().setUp()
        # The address sanitizer keeps what was freed, by default up to 256 MiB.
        options = os.environ.get("ASAN_OPTIONS")
        os.environ["ASAN_OPTIONS"] = (options + ":" if options else "") + "quarantine_size_mb=1"
        self.addCleanup(lambda: os.environ.update(ASAN_OPTIONS=options or ""))

    def assert_bounded(self, programs, before):
        for program in programs:
            grown = resident(program) - before[program]
            print(f"{program.name}: {grown / 1024:.0f} KiB more", file=sys.stderr)
            self.assertLess(grown, self.ROOM, f"{program.name} grew by {grown} bytes")

    def test_a_client_that_grants_a_million_items_and_does_not_read(self):
        broker = self.broker()
        worker = self.worker(broker)
        reader = self.client(broker)
        before = {program: resident(program) for program in (broker, worker)}
        msgid = reader.request("EchoUtil.Range", 1_000_000, options={"stream": 1_000_000, "timeout": 600_000})
        self.assertEqual(reader.receive(), [3, msgid, 0])
        time.sleep(self.PAUSE)  # what it granted is sent, as far as anybody takes it
        self.assert_bounded([broker, worker], before)
        self.assertEqual(self.client(broker).result("EchoUtil.CountString", "this is test"), 3)  # others are served
        for item in range(1, 1_000_000):
            message = reader.receive()
            if message != [3, msgid, item]:
                self.fail(f"item {item}: {message}")
        self.assertEqual(reader.response(msgid), (None, 1_000_000))

    def test_rpc_call_stops_when_its_output_does(self):
        broker = self.broker()
        worker = self.worker(broker)
        call = self.program("rpc-call", "--broker", broker.frontend, "--timeout", "60s", "EchoUtil.Range", 1_000_000)
        for i in range(1000):
            self.assertEqual(call.line(), str(i))
        programs = [broker, worker, call]
        before = {program: resident(program) for program in programs}
        time.sleep(self.PAUSE)  # the pipe is full, and nobody reads
        self.assert_bounded(programs, before)
        self.assertEqual([int(call.line()) for _ in range(1000, 1_000_000)][-1], 999_999)
        self.assertEqual(call.wait(), 0)


if __name__ == "__main__":
    main()

"""The Python examples against the real broker: clients of three lines, a worker of thirty."""

import subprocess

from rpckit import ROOT, RpcTest, clean_environment, in_flight, main, wait_until

PYTHON = "/usr/bin/python3"  # Debian's, which has zmq and msgpack
EXAMPLES = ROOT / "examples/python"


class Clients(RpcTest):
    def output(self, example):
        broker = self.broker()
        self.worker(broker)
        run = subprocess.run([PYTHON, EXAMPLES / example, broker.frontend], capture_output=True, text=True, timeout=30)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def test_a_req_socket_gets_3(self):
        self.assertEqual(self.output("client_req.py"), "3\n")

    def test_a_dealer_socket_gets_3(self):
        self.assertEqual(self.output("client_dealer.py"), "3\n")

    def test_a_stream_is_read(self):
        self.assertEqual(self.output("client_stream.py").split(), [str(i) for i in range(25)])

    def test_a_call_is_cancelled(self):
        self.assertEqual(self.output("client_cancel.py"), "CANCELLED\n")


class Workers(RpcTest):
    def start(self, broker, example="worker.py"):
        process = subprocess.Popen([PYTHON, EXAMPLES / example, broker.backend], stdout=subprocess.PIPE, text=True,
                                   env=clean_environment())
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertRegex(process.stdout.readline(), "^registered as ")
        return process

    def greet(self, broker, name="world"):
        return self.call(broker, "--raw", "Greeter.Hello", name)

    def test_it_is_called(self):
        broker = self.broker()
        self.start(broker)
        self.assertEqual(self.greet(broker).stdout, "Hello, world!")
        self.assertIn("name: str", self.call(broker, "--describe", "Greeter.Hello").stdout)

    def test_what_its_handler_throws_is_an_error(self):
        broker = self.broker()
        self.start(broker)
        called = self.call(broker, "Greeter.Hello")
        self.assertEqual(called.status, 1, called)
        self.assertIn("rpc-call: INTERNAL: ", called.stderr)

    def test_its_heartbeats_keep_it(self):
        broker = self.broker("--heartbeat", "500ms")
        self.start(broker)
        client = self.client(broker)
        first = client.result("rpc.workers")[0]["id"]
        wait_until(lambda: client.result("rpc.workers")[0]["uptime"] >= 5000, "it lives for ten heartbeats")
        self.assertEqual(client.result("rpc.workers")[0]["id"], first)
        self.assertEqual(self.greet(broker).stdout, "Hello, world!")

    def test_it_finds_a_broker_that_was_restarted(self):
        broker = self.broker()
        worker = self.start(broker)
        broker.kill()
        broker = self.broker(frontend=broker.frontend, backend=broker.backend)
        self.assertRegex(worker.stdout.readline(), "^registered as ")
        self.assertEqual(self.greet(broker).stdout, "Hello, world!")

    def test_it_leaves_when_it_is_drained(self):
        broker = self.broker()
        worker = self.start(broker)
        client = self.client(broker)
        client.result("rpc.drain", client.result("rpc.workers")[0]["id"])
        self.assertEqual(worker.wait(20), 0)

    def test_it_streams(self):
        broker = self.broker()
        self.start(broker, "stream_worker.py")
        called = self.call(broker, "Counter.Count", 1000)
        self.assertEqual((called.status, called.stdout.split()), (0, [str(i) for i in range(1000)]), called.stderr)

    def test_its_stream_goes_by_credit_and_can_be_cancelled(self):
        broker = self.broker()
        self.start(broker, "stream_worker.py")
        client = self.client(broker)
        msgid = client.request("Counter.Count", 1_000_000, options={"stream": 3})
        self.assertEqual([client.receive() for _ in range(3)], [[3, msgid, item] for item in range(3)])
        client.notify("rpc.credit", msgid, 1)
        self.assertEqual(client.receive(), [3, msgid, 3])
        self.assertIsNone(client.receive(within=0.2))
        client.notify("rpc.cancel", msgid)
        self.assert_error(client.response(msgid)[0], "CANCELLED")
        wait_until(lambda: in_flight(client) == 0, "its place is free")


if __name__ == "__main__":
    main()

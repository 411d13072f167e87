"""The shapes of what the service `rpc` answers, as docs/PROTOCOL.md gives them."""

import zmq

from rpckit import RpcTest, in_flight, main, wait_until, worker_id

METHOD = {"name": str, "params": list, "result": str, "doc": str, "idempotent": bool, "stream": bool, "calls": int,
          "errors": int}
SERVICE = {"name": str, "workers": int, "queued": int, "in_flight": int, "methods": list}
WORKER = {"id": str, "name": str, "address": str, "services": list, "capacity": int, "in_flight": int,
          "abandoned": int, "oldest_us": int, "completed": int, "errors": int, "uptime": int, "draining": bool}
CALL = {"id": int, "method": str, "client": str, "worker": str, "age_us": int, "state": str}


class RpcService(RpcTest):
    def setUp(self):
        super().setUp()
        self.at = self.broker()
        self.worker(self.at, "--name", "echo", "--threads", "2")
        self.peer_of_test = self.client(self.at)

    def result(self, method, *params):
        return self.peer_of_test.result(method, *params)

    def assert_shape(self, value, shape):
        self.assertIsInstance(value, dict)
        for key, kind in shape.items():
            self.assertIn(key, value)
            self.assertIsInstance(value[key], kind, f"{key} of {value}")

    def test_hello(self):
        hello = self.peer_of_test.hello(name="a test")
        self.assert_shape(hello, {"protocol": int, "broker": str, "version": str, "max_message": int, "heartbeat": int})
        self.assertEqual((hello["protocol"], hello["max_message"], hello["heartbeat"]), (1, 64 << 20, 500))

    def test_hello_of_another_protocol(self):
        error, _ = self.peer_of_test.call("rpc.hello", {"protocol": 99})
        self.assert_error(error, "FAILED_PRECONDITION", by="broker")

    def test_ping(self):
        self.assertEqual(self.result("rpc.ping"), "pong")

    def test_services(self):
        services = self.result("rpc.services")
        for service in services:
            self.assert_shape(service, SERVICE)
        echo = next(service for service in services if service["name"] == "EchoUtil")
        self.assertEqual(echo["workers"], 1)
        methods = {method["name"]: method for method in echo["methods"]}
        for method in methods.values():
            self.assert_shape(method, METHOD)
        self.assertEqual(methods["CountString"]["params"], ["text: str"])
        self.assertEqual(methods["CountString"]["result"], "int")
        self.assertTrue(methods["CountString"]["idempotent"])
        self.assertFalse(methods["Sleep"]["idempotent"])

    def test_describe(self):
        before = self.result("rpc.describe", "EchoUtil.CountString")
        self.assert_shape(before, METHOD)
        self.result("EchoUtil.CountString", "this is test")
        self.peer_of_test.call("EchoUtil.CountString", 12)
        after = self.result("rpc.describe", "EchoUtil.CountString")
        self.assertEqual((after["calls"] - before["calls"], after["errors"] - before["errors"]), (2, 1))

    def test_describe_what_is_not_there(self):
        self.assert_error(self.peer_of_test.call("rpc.describe", "EchoUtil.NoSuch")[0], "UNIMPLEMENTED")
        self.assert_error(self.peer_of_test.call("rpc.describe", "No.Such")[0], "NOT_FOUND")

    def test_workers(self):
        self.result("EchoUtil.CountString", "this is test")
        [worker] = self.result("rpc.workers")
        self.assert_shape(worker, WORKER)
        self.assertEqual((worker["name"], worker["services"], worker["draining"]), ("echo", ["EchoUtil"], False))
        self.assertEqual((worker["in_flight"], worker["completed"], worker["errors"]), (0, 1, 0))
        self.assertIn("127.0.0.1", worker["address"])

    def test_calls(self):
        self.assertEqual(self.result("rpc.calls"), [])
        self.peer_of_test.request("EchoUtil.Sleep", 3000)
        wait_until(lambda: in_flight(self.peer_of_test) == 1, "the call runs")
        [call] = self.result("rpc.calls")
        self.assert_shape(call, CALL)
        self.assertEqual(call["method"], "EchoUtil.Sleep")

    def test_stats(self):
        self.result("EchoUtil.CountString", "this is test")
        stats = self.result("rpc.stats")
        self.assertIsInstance(stats, dict)
        self.assertTrue(stats)
        self.assertTrue(all(isinstance(name, str) for name in stats))

    def test_drain(self):
        worker = self.program("rpc-worker", "--broker", self.at.backend, "--name", "leaving")
        worker.ready()
        self.result("rpc.drain", worker_id(self.peer_of_test, "leaving"))
        self.assertEqual(worker.wait(), 0)

    def test_drain_of_nobody(self):
        self.assert_error(self.peer_of_test.call("rpc.drain", "nobody")[0], "NOT_FOUND")

    def test_what_it_does_not_have(self):
        self.assert_error(self.peer_of_test.call("rpc.nosuch")[0], "UNIMPLEMENTED", by="broker")

    def test_wrong_params(self):
        for method, params in (("rpc.hello", [7]), ("rpc.hello", [{"protocol": "one"}]),
                               ("rpc.describe", []), ("rpc.describe", [7]), ("rpc.drain", []), ("rpc.drain", [None])):
            with self.subTest(method=method, params=params):
                self.assert_error(self.peer_of_test.call(method, *params)[0], "INVALID_ARGUMENT", by="broker")

    def test_an_envelope_comes_back_as_it_went(self):
        client = self.peer(self.at.frontend, kind=zmq.REQ)
        self.assertEqual(client.result("EchoUtil.CountString", "this is test"), 3)
        client.socket.setsockopt(zmq.REQ_CORRELATE, 1)
        self.assertEqual(client.result("EchoUtil.CountString", "this is test"), 3)
        error, _ = client.call("EchoUtil.Range", 3, options={"stream": 10})
        self.assert_error(error, "INVALID_ARGUMENT")

    def test_cancelling_ends_the_call(self):
        msgid = self.peer_of_test.request("EchoUtil.Sleep", 20000)
        wait_until(lambda: in_flight(self.peer_of_test) == 1, "the call runs")
        self.peer_of_test.notify("rpc.cancel", msgid)
        self.assert_error(self.peer_of_test.response(msgid)[0], "CANCELLED")
        wait_until(lambda: in_flight(self.peer_of_test) == 0, "the handler was told")

    def test_timing_is_told_where_it_is_asked_for(self):
        msgid = self.peer_of_test.request("EchoUtil.CountString", "this is test", options={"timing": True})
        response = self.peer_of_test.expect(lambda message: message[1] == msgid, "the response")
        self.assertEqual(response[3], 3)
        self.assert_shape(response[4], {"worker": str, "queued_us": int, "worker_us": int})
        self.assertEqual(response[4]["worker"], "echo")

    def test_heartbeats_are_answered(self):
        hello = self.peer_of_test.hello(heartbeat=True)
        self.peer_of_test.notify("rpc.heartbeat")
        self.assertEqual(self.peer_of_test.notification("rpc.heartbeat"), [hello["broker"]])

    def test_who_never_said_hello_is_told_so(self):
        self.peer_of_test.notify("rpc.heartbeat")
        self.peer_of_test.notification("rpc.hello_again")

    def test_options_of_the_wrong_type(self):
        for options in ({"timeout": "1s"}, {"timeout": -1}, {"idempotent": 1}, {"key": 7}, {"worker": 7},
                        {"meta": {"a": 1}}, {"meta": []}, {"trace": 7}, {"timing": "yes"}, {"stream": True}):
            with self.subTest(options=options):
                error, _ = self.peer_of_test.call("EchoUtil.CountString", "this is test", options=options)
                self.assert_error(error, "INVALID_ARGUMENT", by="broker")

    def test_a_timeout_of_nothing_has_expired(self):
        error, _ = self.peer_of_test.call("EchoUtil.CountString", "this is test", options={"timeout": 0})
        self.assert_error(error, "DEADLINE_EXCEEDED", by="broker", ran="no")

    def test_a_worker_that_is_not_there(self):
        error, _ = self.peer_of_test.call("EchoUtil.CountString", "this is test", options={"worker": "nobody"})
        self.assert_error(error, "NOT_FOUND", by="broker")

    def test_a_one_way_call_is_run(self):
        self.peer_of_test.notify("EchoUtil.CountString", "this is test")
        wait_until(lambda: self.result("rpc.workers")[0]["completed"] == 1, "it ran")


if __name__ == "__main__":
    main()

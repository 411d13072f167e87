"""rpc-call as its users meet it: parameters, output, options, and what its exit status says."""

import json
import signal
import socket
import tempfile
import time

from rpckit import RpcTest, in_flight, main, rpc_call, wait_until, worker_id


class RpcCallTest(RpcTest):
    def setUp(self):
        super().setUp()
        self.at = self.broker()
        self.echo = self.worker(self.at, "--name", "echo", "--threads", "4")

    def output(self, *arguments, **options):
        """Standard output of a call that must succeed."""
        called = self.call(self.at, *arguments, **options)
        self.assertEqual(called.status, 0, called)
        return called.stdout


class Parameters(RpcCallTest):
    def echoed(self, *arguments, **options):
        return json.loads(self.output("EchoUtil.Echo", *arguments, **options))

    def test_json_where_it_is_valid_json_else_a_string(self):
        for text, value in (("12", 12), ("-1.5", -1.5), ("true", True), ("null", None), ('"12"', "12"),
                            ('{"a": [1, 2]}', {"a": [1, 2]}), ("hello", "hello"), ("{no json", "{no json"), ("", "")):
            with self.subTest(text=text):
                self.assertEqual(self.echoed(text), value)

    def test_several_parameters(self):
        self.assertEqual(self.output("EchoUtil.Count", "banana", "an"), "2")

    def test_string_takes_all_as_they_stand(self):
        for text in ("12", "@file", "@@x", "-", "null"):
            with self.subTest(text=text):
                self.assertEqual(json.loads(self.output("--string", "EchoUtil.Echo", text)), text)

    def test_the_content_of_a_file(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("this is test")
            file.flush()
            self.assertEqual(self.output("EchoUtil.CountString", f"@{file.name}"), "3")

    def test_standard_input(self):
        self.assertEqual(self.output("EchoUtil.CountString", "-", stdin=b"this is test"), "3")

    def test_a_doubled_at_is_one(self):
        self.assertEqual(self.echoed("@@x"), "@x")

    def test_all_parameters_as_one_array(self):
        self.assertEqual(self.output("--json", '["banana", "an"]', "EchoUtil.Count"), "2")

    def test_numbers_keep_their_value(self):
        for text in ("18446744073709551615", "-9223372036854775808", "0.1"):
            with self.subTest(text=text):
                self.assertEqual(self.output("EchoUtil.Echo", text), text)


class Output(RpcCallTest):
    def test_one_line_of_json(self):
        self.assertEqual(self.output("EchoUtil.Echo", '{"a": [1, "x"]}'), '{"a":[1,"x"]}')

    def test_pretty_is_indented(self):
        text = self.output("--pretty", "EchoUtil.Echo", '{"a": [1]}')
        self.assertGreater(len(text.splitlines()), 1)
        self.assertEqual(json.loads(text), {"a": [1]})

    def test_raw_is_a_bare_string(self):
        self.assertEqual(self.output("--raw", "EchoUtil.Upper", "straight"), "STRAIGHT")

    def test_msgpack_is_the_result_as_it_came(self):
        self.assertEqual(self.call(self.at, "--msgpack", "EchoUtil.CountString", "this is test").output, b"\x03")

    def test_repeat_and_parallel(self):
        for flags in (("--repeat", "5"), ("--repeat", "5", "--parallel", "3")):
            with self.subTest(flags=flags):
                lines = self.output(*flags, "EchoUtil.CountString", "this is test").splitlines()
                self.assertEqual(lines, ["3"] * 5)

    def test_parallel_calls_run_beside_each_other(self):
        called = self.call(self.at, "--repeat", "4", "--parallel", "4", "EchoUtil.Sleep", "500")
        self.assertEqual(called.stdout.splitlines(), ["500"] * 4, called)
        self.assert_within(called.seconds, 1.99, "one after the other would be 2 s")

    def test_one_way_says_nothing_and_the_call_runs(self):
        client = self.client(self.at)
        begun = client.result("rpc.describe", "EchoUtil.CountString")["calls"]
        self.assertEqual(self.output("--one-way", "EchoUtil.CountString", "this is test"), "")
        wait_until(lambda: client.result("rpc.describe", "EchoUtil.CountString")["calls"] == begun + 1, "it ran")

    def test_timing_goes_to_standard_error(self):
        called = self.call(self.at, "--timing", "EchoUtil.CountString", "this is test")
        self.assertEqual(called.stdout, "3")
        self.assertIn("echo", called.stderr)

    def test_list_is_readable(self):
        text = self.output("--list")
        for part in ("EchoUtil", "CountString", "text: str", "int", "Whoami"):
            self.assertIn(part, text)

    def test_describe_is_readable(self):
        text = self.output("--describe", "EchoUtil.Count")
        for part in ("EchoUtil.Count", "text: str", "part: str", "int"):
            self.assertIn(part, text)

    def test_services_of_the_broker_itself_are_called_alike(self):
        self.assertEqual(self.output("rpc.ping"), '"pong"')


class Options(RpcCallTest):
    def test_worker_and_key_choose_the_worker(self):
        self.worker(self.at, "--name", "other")
        client = self.client(self.at)
        for name in ("echo", "other"):
            who = json.loads(self.output("--worker", worker_id(client, name), "EchoUtil.Whoami"))
            self.assertEqual(who["name"], name)
        same = {self.output("--key", "customer 7", "EchoUtil.Whoami") for _ in range(6)}
        self.assertEqual(len(same), 1, same)

    def test_meta_and_idempotent_are_taken(self):
        self.assertEqual(self.output("--meta", "who=me", "--meta", "why=test", "--idempotent",
                                     "EchoUtil.CountString", "this is test"), "3")

    def test_attempts_are_made_while_the_call_did_not_run(self):
        worker = self.peer(self.at.backend)
        worker.register({"Busy": ["Ask"]})
        busy = {"code": "UNAVAILABLE", "message": "busy", "by": "worker", "ran": "no"}
        for attempts, status in ((2, 3), (3, 0)):
            with self.subTest(attempts=attempts):
                caller = self.program("rpc-call", "--broker", self.at.frontend, "--attempts", attempts, "Busy.Ask")
                for _ in range(2):
                    worker.reply(worker.take()[0], error=busy)
                if status == 0:
                    worker.reply(worker.take()[0], result=7)
                self.assertEqual(caller.wait(), status, caller.log)

    def test_names_are_listed_a_line_each(self):
        names = self.output("--names").splitlines()
        self.assertIn("EchoUtil.CountString", names)
        self.assertEqual(names, sorted(names))

    def test_a_meta_without_a_value_is_a_usage_error(self):
        self.assertEqual(self.call(self.at, "--meta", "who", "EchoUtil.Echo", "x").status, 2)


class ExitStatus(RpcCallTest):
    def assert_fails(self, status, code, *arguments, **options):
        called = self.call(self.at, *arguments, **options)
        self.assertEqual(called.status, status, called)
        self.assertEqual(called.stdout, "", called)
        self.assertEqual(len(called.stderr.splitlines()), 1, called)
        self.assertTrue(called.stderr.startswith(f"rpc-call: {code}: "), called)
        return called

    def test_each_code_has_its_status(self):
        for code, status in (("UNAVAILABLE", 3), ("DEADLINE_EXCEEDED", 4), ("NOT_FOUND", 5), ("UNIMPLEMENTED", 5),
                             ("INVALID_ARGUMENT", 6), ("RESOURCE_EXHAUSTED", 7), ("UNAUTHENTICATED", 8),
                             ("PERMISSION_DENIED", 8), ("CANCELLED", 9), ("INTERNAL", 1), ("ABORTED", 1),
                             ("DATA_LOSS", 1), ("FAILED_PRECONDITION", 1)):
            with self.subTest(code=code):
                self.assertIn("as you wish", self.assert_fails(status, code, "EchoUtil.Fail", code, "as you wish").stderr)

    def test_a_call_that_takes_too_long(self):
        called = self.assert_fails(4, "DEADLINE_EXCEEDED", "--timeout", "300ms", "EchoUtil.Sleep", "10000")
        self.assert_within(called.seconds, 1.5)

    def test_nobody_has_the_service(self):
        self.assert_fails(5, "NOT_FOUND", "No.Such", "x")

    def test_the_service_lacks_the_method(self):
        self.assert_fails(5, "UNIMPLEMENTED", "EchoUtil.NoSuch")

    def test_parameters_that_do_not_fit_are_named(self):
        called = self.assert_fails(6, "INVALID_ARGUMENT", "EchoUtil.CountString", "12")
        for part in ("parameter 1", "text", "expected str", "got int"):
            self.assertIn(part, called.stderr)
        self.assert_fails(6, "INVALID_ARGUMENT", "EchoUtil.CountString")

    def test_a_name_that_is_no_method(self):
        self.assertIn(self.call(self.at, "nodot").status, (2, 6))

    def test_nobody_listens(self):
        with socket.socket() as probe:  # bound, not listening: nobody else gets the port meanwhile
            probe.bind(("127.0.0.1", 0))
            endpoint = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
            called = rpc_call("--broker", endpoint, "--timeout", "1s", "EchoUtil.CountString", "this is test")
        self.assertEqual(called.status, 3, called)
        self.assertTrue(called.stderr.startswith("rpc-call: UNAVAILABLE: "), called)
        self.assertIn(endpoint, called.stderr)
        self.assert_within(called.seconds, 1.3, called)

    def test_what_listens_says_nothing(self):
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            endpoint = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
            called = rpc_call("--broker", endpoint, "--timeout", "1s", "EchoUtil.CountString", "this is test")
        self.assertEqual(called.status, 3, called)
        self.assertIn(endpoint, called.stderr)
        self.assert_within(called.seconds, 1.3, called)

    def test_ctrl_c_cancels_the_call_at_the_broker(self):
        client = self.client(self.at)
        caller = self.program("rpc-call", "--broker", self.at.frontend, "EchoUtil.Sleep", "60000")
        wait_until(lambda: in_flight(client) == 1, "the call runs")
        begin = time.monotonic()
        caller.signal(signal.SIGINT)
        self.assertEqual(caller.wait(), 9, caller.log)
        self.assertIn("CANCELLED", caller.log)
        wait_until(lambda: in_flight(client) == 0, "the handler was cancelled")
        self.assert_within(time.monotonic() - begin, 5)


if __name__ == "__main__":
    main()

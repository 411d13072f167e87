"""rpc-bench as its users meet it: each shape, the open loop, --self, and what goes wrong. Nothing here measures speed."""

import csv
import io
import json
import os
import pathlib
import pty
import select
import signal
import socket
import subprocess
import time

from rpckit import BIN, PATIENCE, SLOWER, RpcTest, clean_environment, in_flight, main, wait_until

SHORT = ("--warm-up", "50ms", "--duration", "200ms")
QUANTILES = ("min", "p50", "p90", "p99", "p999", "p9999", "max")


def children_of(pid):
    """The processes that it started and that live, by their program."""
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class RpcBenchTest(RpcTest):
    def bench(self, *arguments, environment=None, stdin=b""):
        """Runs rpc-bench to its end."""
        return subprocess.run([BIN / "rpc-bench", *map(str, arguments)], input=stdin, capture_output=True,
                              env=environment or clean_environment(), timeout=6 * PATIENCE)

    def rounds(self, *arguments, status=0):
        """The rounds in the JSON of a run."""
        run = self.bench("--format", "json", *arguments)
        self.assertEqual(run.returncode, status, run)
        document = json.loads(run.stdout)
        for each in document["rounds"]:
            self.check_figures(each)
        return document["rounds"]

    def check_figures(self, each):
        """That figures agree with each other."""
        self.assertEqual(each["calls"], each["ok"] + each["failed"])
        self.assertEqual(each["failed"], sum(error["count"] for error in each["errors"].values()))
        for name in ("calls", "ok", "failed", "not_sent", "warm_up_calls"):
            self.assertEqual(each[name], sum(kind[name] for kind in each["kinds"]), name)
        if each["ok"]:
            figures = [each["latency_us"][name] for name in QUANTILES]
            self.assertEqual(figures, sorted(figures))
            self.assertGreater(figures[0], 0)
            self.assertGreater(each["latency_us"]["mean"], 0)
        else:
            self.assertIsNone(each["latency_us"])

    def unused_endpoint(self):
        """Bound, not listening: nobody else gets the port meanwhile."""
        probe = socket.socket()
        self.addCleanup(probe.close)
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


class AgainstABroker(RpcBenchTest):
    def setUp(self):
        super().setUp()
        self.at = self.broker()
        self.worker(self.at, "--threads", "2")

    def measured(self, *arguments, status=0):
        return self.rounds("--broker", self.at.frontend, *arguments, status=status)

    def calls_at_the_broker(self):
        """By method: how many calls of it have ended."""
        services = self.client(self.at).result("rpc.services")
        return {f"{service['name']}.{method['name']}": method["calls"]
                for service in services for method in service["methods"]}

    def test_the_broker_has_counted_the_same_calls(self):
        shapes = (("latency",), ("pipelined", "--window", "20"), ("clients", "--clients", "5"),
                  ("clients", "--clients", "6", "--connections", "2"), ("mixed",))
        for shape in shapes:
            with self.subTest(shape=shape):
                before = self.calls_at_the_broker()
                [each] = self.measured("--shape", *shape, *SHORT)
                after = self.calls_at_the_broker()
                self.assertEqual(each["failed"], 0)
                self.assertGreater(each["calls"], 0)
                self.assertGreater(each["calls_per_s"], 0)
                made = {}
                for kind in each["kinds"]:  # and one more, to see whether it is there
                    made[kind["method"]] = made.get(kind["method"], 0) + kind["calls"] + kind["warm_up_calls"] + 1
                self.assertEqual({method: after[method] - before[method] for method in made}, made)

    def test_the_counters_of_the_broker_agree(self):
        client = self.client(self.at)
        before = client.result("rpc.stats")
        [each] = self.measured("--calls", "300", "--warm-up", "0", "--shape", "pipelined", "--clients", "3",
                               "--window", "10")
        after = client.result("rpc.stats")
        self.assertEqual((each["calls"], each["ok"], each["warm_up_calls"]), (300, 300, 0))
        self.assertEqual(after["calls_answered"] - before["calls_answered"], 301)
        self.assertEqual(after["calls_in_system"], 0)

    def test_what_a_round_is_made_of(self):
        [each] = self.measured("--shape", "pipelined", "--clients", "4", "--connections", "2", "--window", "3", *SHORT)
        self.assertEqual([each[name] for name in ("shape", "clients", "connections", "window", "max_in_flight", "rate")],
                         ["pipelined", 4, 2, 3, 12, None])
        self.assertEqual(each["measured_ms"], 200)
        [self_] = each["processes"]
        self.assertEqual(self_["name"], "rpc-bench")
        self.assertGreater(self_["peak_memory_bytes"], 1 << 20)

    def test_payload_has_a_round_a_size(self):
        rounds = self.measured("--shape", "payload", "--size", "0", "--size", "100", "--size", "1MiB", "--calls", "20",
                               "--warm-up", "0")
        self.assertEqual([each["label"] for each in rounds], ["payload 0B", "payload 100B", "payload 1MiB"])
        self.assertEqual([each["kinds"][0]["params_bytes"] for each in rounds], [2, 103, (1 << 20) + 6])
        for each in rounds:
            self.assertEqual(each["ok"], 20)
            # What comes back is the parameter without the array's head.
            params = each["kinds"][0]["params_bytes"]
            self.assertAlmostEqual(each["received_bytes_per_s"] / each["sent_bytes_per_s"], (params - 1) / params, 6)

    def test_mixed_by_ones_own_recipe(self):
        [each] = self.measured("--shape", "mixed", "--mix", '3:EchoUtil.Count:["banana", "an"]', "--mix",
                               "1:EchoUtil.Whoami", "--calls", "400", "--warm-up", "0")
        count, whoami = each["kinds"]
        self.assertEqual((count["method"], whoami["method"]), ("EchoUtil.Count", "EchoUtil.Whoami"))
        self.assertEqual(count["calls"] + whoami["calls"], 400)
        self.assertGreater(count["calls"], whoami["calls"])
        self.assertGreater(whoami["calls"], 50)

    def test_any_method_with_parameters_as_those_of_rpc_call(self):
        for arguments in (("EchoUtil.Count", "banana", "an"), ("EchoUtil.Count", "--json", '["banana", "an"]'),
                          ("EchoUtil.CountString", "-")):
            with self.subTest(arguments=arguments):
                [each] = self.measured("--calls", "5", "--warm-up", "0", *arguments)
                self.assertEqual((each["ok"], each["kinds"][0]["label"]), (5, arguments[0]))

    def test_an_open_loop_sends_on_schedule(self):
        begin = time.monotonic()
        [each] = self.measured("--rate", "200", "--clients", "2", "--calls", "60", "--warm-up", "100ms")
        self.assertGreaterEqual(time.monotonic() - begin, 0.39)  # 80 calls at 200 a second
        self.assertEqual((each["calls"], each["not_sent"], each["warm_up_calls"]), (60, 0, 20))
        self.assertEqual((each["rate"], each["window"]), (200, None))

    def test_an_open_loop_counts_from_when_a_call_was_due(self):
        # One handler at a time, of 50 ms, asked 40 times a second: half of the calls come to wait, and longer and longer.
        one = self.broker()
        self.worker(one, "--threads", "1")
        [each] = self.rounds("--broker", one.frontend, "--rate", "40", "--calls", "20", "--warm-up", "0", "EchoUtil.Sleep",
                             "50")
        self.assertEqual(each["ok"], 20)
        self.assertGreater(each["latency_us"]["max"], 300_000)  # the last: due after 475 ms, done after 1,000
        self.assertGreater(each["latency_us"]["p50"], 100_000)

    def test_an_open_loop_says_what_it_could_not_send(self):
        arguments = ("--rate", "100", "--max-in-flight", "1", "--calls", "20", "--warm-up", "0", "EchoUtil.Sleep", "100")
        [each] = self.measured(*arguments)
        self.assertEqual(each["calls"] + each["not_sent"], 20)
        self.assertGreater(each["not_sent"], 10)
        run = self.bench("--broker", self.at.frontend, *arguments)
        self.assertRegex(run.stdout.decode(), r"not sent: \d+ calls, as 1 were in flight")

    def test_a_table_for_people_and_nothing_else(self):
        run = self.bench("--broker", self.at.frontend, "--shape", "mixed", *SHORT)
        self.assertEqual((run.returncode, run.stderr), (0, b""), run)
        text = run.stdout.decode()
        self.assertIn(f"broker: {self.at.frontend}\n", text)
        self.assertRegex(text, r"\nROUND +CALLS +CALLS/S +MB/S +MIN +MEAN +P50 +P90 +P99 +P99.9 +P99.99 +MAX\nmixed ")
        self.assertEqual(len(text.split("\nROUND", 1)[1].splitlines()), 6)

    def test_csv(self):
        run = self.bench("--broker", self.at.frontend, "--format", "csv", "--shape", "all", "--calls", "20", "--warm-up",
                         "0", "--size", "1KiB", "--clients", "2", "--window", "2")
        self.assertEqual(run.returncode, 0, run)
        lines = list(csv.DictReader(io.StringIO(run.stdout.decode())))
        self.assertEqual([line["shape"] for line in lines if not line["kind"]],
                         ["latency", "pipelined", "clients", "payload", "mixed"])
        for line in lines:
            self.assertNotIn(None, line, "a line with more fields than the head has")
            if not line["kind"]:
                self.assertEqual((line["calls"], line["ok"]), ("20", "20"))
                self.assertGreater(float(line["p99_us"]), 0)

    def test_progress_is_for_terminals(self):
        arguments = [BIN / "rpc-bench", "--broker", self.at.frontend, "--warm-up", "0", "--duration", "600ms"]
        for quiet in (False, True):
            with self.subTest(quiet=quiet):
                master, slave = pty.openpty()
                run = subprocess.Popen(arguments + ["--quiet"] * quiet, stdout=subprocess.PIPE, stderr=slave,
                                       stdin=subprocess.DEVNULL, env=clean_environment())
                output = run.stdout.read()
                self.assertEqual(run.wait(), 0)
                run.stdout.close()
                shown = os.read(master, 65536) if select.select([master], [], [], 0)[0] else b""
                os.close(slave)
                os.close(master)
                self.assertIn(b"ROUND", output)
                self.assertNotIn(b"\x1b", output)
                self.assertEqual(b"calls/s" in shown and b" of 1 s" in shown, not quiet, shown)

    def test_errors_are_counted_by_code_and_say_the_exit_status(self):
        for code, status in (("ABORTED", 1), ("RESOURCE_EXHAUSTED", 7), ("PERMISSION_DENIED", 8)):
            with self.subTest(code=code):
                [each] = self.measured("--calls", "10", "--warm-up", "0", "EchoUtil.Fail", code, "as you wish",
                                       status=status)
                self.assertEqual(each["errors"], {code: {"count": 10, "first": "as you wish"}})
                self.assertEqual((each["ok"], each["failed"]), (0, 10))

    def test_calls_that_take_too_long(self):
        run = self.bench("--broker", self.at.frontend, "--timeout", "100ms", "--calls", "3", "--warm-up", "0",
                         "EchoUtil.Sleep", "60000")
        self.assertEqual(run.returncode, 4, run)
        self.assertTrue(run.stderr.startswith(b"rpc-bench: DEADLINE_EXCEEDED: "), run)

    def test_what_cannot_be_called_ends_it_at_once(self):
        for arguments, code, status in ((("EchoUtil.Nothing",), "UNIMPLEMENTED", 5),
                                        (("EchoUtil.CountString", "12"), "INVALID_ARGUMENT", 6),
                                        (("EchoUtil.Range", "3"), "INVALID_ARGUMENT", 6)):
            with self.subTest(arguments=arguments):
                run = self.bench("--broker", self.at.frontend, "--duration", "1h", *arguments)
                self.assertEqual((run.returncode, run.stdout), (status, b""), run)
                self.assertEqual(len(run.stderr.splitlines()), 1)
                self.assertTrue(run.stderr.startswith(f"rpc-bench: {code}: ".encode()), run)

    def test_ctrl_c_ends_it_with_what_was_measured(self):
        for shape in (("--shape", "latency"), ("--shape", "pipelined"), ("--shape", "clients"), ("--rate", "500")):
            for number in (signal.SIGINT, signal.SIGTERM):
                with self.subTest(shape=shape, number=number):
                    before = self.calls_at_the_broker()["EchoUtil.CountString"]
                    bench = self.program("rpc-bench", "--broker", self.at.frontend, "--format", "json", "--warm-up", "0",
                                         "--duration", "1h", *shape)
                    wait_until(lambda: self.calls_at_the_broker()["EchoUtil.CountString"] > before + 50, "it calls")
                    begin = time.monotonic()
                    bench.signal(number)
                    document = json.loads(bench.line())
                    self.assertEqual(bench.wait(), 9, bench.log)
                    self.assert_within(time.monotonic() - begin, 1.0)
                    self.assertTrue(document["interrupted"])
                    self.assertGreater(document["rounds"][0]["ok"], 10)
                    self.assertEqual(document["rounds"][0]["failed"], 0)

    def test_ctrl_c_cancels_what_is_under_way(self):
        client = self.client(self.at)
        bench = self.program("rpc-bench", "--broker", self.at.frontend, "--timeout", "5m", "EchoUtil.Sleep", "200000")
        wait_until(lambda: in_flight(client) == 1, "it calls")
        bench.signal(signal.SIGINT)
        self.assertEqual(bench.wait(), 9, bench.log)
        wait_until(lambda: in_flight(client) == 0, "its call is cancelled")


class OnItsOwn(RpcBenchTest):
    def test_every_shape(self):
        rounds = self.rounds("--self", "--shape", "all", "--workers", "2", "--size", "1KiB", "--clients", "3",
                             "--window", "5", *SHORT)
        self.assertEqual([each["shape"] for each in rounds], ["latency", "pipelined", "clients", "payload", "mixed"])
        for each in rounds:
            self.assertEqual(each["failed"], 0)
            self.assertGreater(each["ok"], 0)
            processes = each["processes"]
            self.assertEqual([process["name"] for process in processes],
                             ["rpc-broker", "rpc-worker 1", "rpc-worker 2", "rpc-bench"])
            self.assertGreater(each["cpu_us_per_call"], 0)
            self.assertAlmostEqual(each["cpu_us_per_call"], sum(
                process["user_us_per_call"] + process["system_us_per_call"] for process in processes), 3)
            self.assertEqual(each["peak_memory_bytes"], sum(process["peak_memory_bytes"] for process in processes))
            for process in processes:
                self.assertGreater(process["peak_memory_bytes"], 1 << 20)
                self.assertFalse(is_running(process["pid"]), process)

    def test_over_ipc_nothing_is_left_behind(self):
        run = self.bench("--self", "--transport", "ipc", "--worker-threads", "1", "--format", "json", *SHORT)
        self.assertEqual((run.returncode, run.stderr), (0, b""), run)
        [broker] = json.loads(run.stdout)["brokers"]
        self.assertTrue(broker.startswith("ipc:///"), broker)
        self.assertFalse(pathlib.Path(broker.removeprefix("ipc://")).parent.exists())

    def test_flags_in_the_environment_are_for_rpc_bench_alone(self):
        run = self.bench("--self", "--format", "json", *SHORT,
                         environment=clean_environment(RPC_BROKER=self.unused_endpoint(), RPC_THREADS="0"))
        self.assertEqual((run.returncode, run.stderr), (0, b""), run)

    def started(self, *arguments):
        """A run that calls, and the processes that it started."""
        bench = self.program("rpc-bench", "--self", "--format", "json", "--warm-up", "0", "--duration", "1h",
                             *arguments)
        children = wait_until(lambda: len(found := children_of(bench.pid)) == 2 and found, "it has a broker and a worker")
        time.sleep(0.5 * SLOWER)  # until it calls, or nearly: any moment must do
        for child in children:  # Ctrl-C in a terminal is for rpc-bench alone, which ends them in order
            self.assertNotEqual(os.getpgid(child), os.getpgid(bench.pid))
        return bench, children

    def assert_ended(self, children):
        for child in children:
            wait_until(lambda: not is_running(child), f"process {child} has ended", 5)

    def test_signals_end_all_of_it(self):
        for number, status in ((signal.SIGINT, 9), (signal.SIGTERM, 9), (signal.SIGKILL, -9)):
            with self.subTest(number=number):
                bench, children = self.started()
                bench.signal(number)
                self.assertEqual(bench.wait(), status, bench.log)
                self.assert_ended(children)

    def test_a_second_signal_ends_all_of_it_at_once(self):
        bench, children = self.started("EchoUtil.Sleep", "60000", "--timeout", "5m")
        for child in children:
            os.kill(child, signal.SIGSTOP)  # so that they do not end in order
        bench.signal(signal.SIGINT)
        time.sleep(0.2)
        self.assertIsNone(bench.process.poll())
        bench.signal(signal.SIGINT)
        self.assertEqual(bench.wait(), -signal.SIGINT)
        self.assert_ended(children)

    def test_a_signal_while_they_start(self):
        bench = self.program("rpc-bench", "--self")
        children = wait_until(lambda: children_of(bench.pid), "it has started one")
        bench.signal(signal.SIGINT)
        self.assertIn(bench.wait(), (1, 9), bench.log)
        self.assert_ended(children)

    def test_a_broker_that_dies_is_told(self):
        bench, children = self.started("--timeout", "300ms")
        os.kill(children[0], signal.SIGKILL)
        time.sleep(0.5 * SLOWER)
        bench.signal(signal.SIGINT)
        document = json.loads(bench.line())
        self.assertGreater(document["rounds"][0]["errors"]["UNAVAILABLE"]["count"], 0)
        self.assertEqual(bench.wait(), 9)
        self.assertIn("rpc-bench: rpc-broker ended: signal 9", bench.log)
        self.assert_ended(children)


class Mistakes(RpcBenchTest):
    def test_nobody_answers(self):
        endpoint = self.unused_endpoint()
        begin = time.monotonic()
        run = self.bench("--broker", endpoint)
        self.assertEqual((run.returncode, run.stdout), (3, b""), run)
        self.assertTrue(run.stderr.startswith(b"rpc-bench: UNAVAILABLE: "), run)
        self.assertIn(endpoint.encode(), run.stderr)
        self.assert_within(time.monotonic() - begin, 1.6)

    def test_nobody_serves_the_method(self):
        at = self.broker("--service-grace", "100ms")
        run = self.bench("--broker", at.frontend)
        self.assertEqual(run.returncode, 5, run)
        self.assertTrue(run.stderr.startswith(b"rpc-bench: NOT_FOUND: "), run)

    def test_what_is_wrong_is_said_in_one_line(self):
        mistakes = (
            (("--shape", "square"), "pipelined"), (("--clients", "0"), "--clients"), (("--rate", "fast"), "--rate"),
            (("--window", "5", "--rate", "5"), "--max-in-flight"), (("--max-in-flight", "5"), "--rate"),
            (("--calls", "5", "--duration", "5s"), "--calls"), (("--duration", "0"), "--duration"),
            (("--size", "1KiB"), "payload"), (("--shape", "payload", "--size", "2GiB"), "1GiB"),
            (("--mix", "1:S.M"), "mixed"), (("--shape", "mixed", "--mix", "S.M"), "WEIGHT"),
            (("--shape", "mixed", "--mix", "1:M"), "Service.Method"), (("--shape", "mixed", "--mix", "1:S.M:{}"), "--mix"),
            (("--shape", "mixed", "S.M"), "--mix"), (("Method",), "Service.Method"), (("--workers", "2"), "--self"),
            (("--json", "[]"), "METHOD"), (("S.M", "--json", "{}"), "array"), (("S.M", "1", "--json", "[]"), "--json"),
            (("--shape", "payload", "S.M", "1"), "payload"), (("S.M", "@/no/file"), "/no/file"),
            (("--format", "xml"), "csv"))
        for arguments, said in mistakes:
            with self.subTest(arguments=arguments):
                run = self.bench(*arguments)
                self.assertEqual((run.returncode, run.stdout), (2, b""), run)
                self.assertEqual(len(run.stderr.splitlines()), 1, run)
                self.assertIn(said.encode(), run.stderr)

    def test_help_has_the_shapes_and_the_exit_status(self):
        text = self.bench("--help").stdout.decode()
        for word in ("latency ", "pipelined ", "clients ", "payload ", "mixed ", "coordinated", "Exit status"):
            self.assertIn(word, text)


if __name__ == "__main__":
    main()

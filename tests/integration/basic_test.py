"""Starting and stopping: ready lines, ports, flags and where they come from, the order in which programs start."""

import os
import pathlib
import signal
import socket
import tempfile

from rpckit import ANY_PORT, RpcTest, clean_environment, in_flight, main, rpc_call, wait_until

PROGRAMS = ("rpc-broker", "rpc-worker", "rpc-call")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Start(RpcTest):
    def test_everything_started_at_once_works(self):
        frontend, backend = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
        for _ in range(2):
            self.program("rpc-worker", "--broker", backend)
        self.program("rpc-broker", "--frontend", frontend, "--backend", backend)
        called = rpc_call("--broker", frontend, "EchoUtil.CountString", "this is test")
        self.assertEqual((called.status, called.stdout), (0, "3"), called)

    def test_the_broker_may_come_last(self):
        frontend, backend = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
        self.program("rpc-worker", "--broker", backend)
        caller = self.program("rpc-call", "--broker", frontend, "EchoUtil.CountString", "this is test")
        self.program("rpc-broker", "--frontend", frontend, "--backend", backend)
        self.assertEqual(caller.line(), "3")
        self.assertEqual(caller.wait(), 0)

    def test_ready_lines_tell_the_real_ports(self):
        broker = self.broker(frontend=ANY_PORT, backend="tcp://127.0.0.1:*")
        for endpoint in (broker.frontend, broker.backend):
            self.assertRegex(endpoint, r"^tcp://127\.0\.0\.1:[1-9]\d*$")
        self.assertEqual(self.worker(broker, "--name", "somebody").worker_name, "somebody")
        self.assertEqual(self.call(broker, "EchoUtil.CountString", "this is test").stdout, "3")

    def test_several_endpoints_may_be_bound(self):
        with tempfile.TemporaryDirectory() as directory:
            broker = self.program("rpc-broker", "--frontend", ANY_PORT, "--frontend", f"ipc://{directory}/frontend",
                                  "--backend", f"ipc://{directory}/backend")
            broker.ready()
            self.program("rpc-worker", "--broker", f"ipc://{directory}/backend").ready()
            called = rpc_call("--broker", f"ipc://{directory}/frontend", "EchoUtil.CountString", "this is test")
            self.assertEqual(called.stdout, "3", called)
            self.assertEqual(broker.terminate(), 0)

    def test_the_brokers_io_threads_do_not_interrupt_its_loop(self):
        broker = self.broker()
        own = os.sched_getscheduler(0)
        self.assertEqual(os.sched_getscheduler(broker.pid), own)
        io = [task for task in pathlib.Path(f"/proc/{broker.pid}/task").iterdir()
              if (task / "comm").read_text().startswith("ZMQbg/IO")]
        self.assertEqual([os.sched_getscheduler(int(task.name)) for task in io],
                         [os.SCHED_BATCH if own == os.SCHED_OTHER else own])

    def test_help_and_version(self):
        for program in PROGRAMS:
            for flag, expected in (("--help", "--log-format"), ("--version", r"^\S+ \d+\.\d+\.\d+$")):
                with self.subTest(program=program, flag=flag):
                    run = self.program(program, flag)
                    self.assertRegex(run.process.stdout.read().decode(), expected)
                    self.assertEqual(run.wait(), 0)

    def test_sigterm_and_sigint_end_a_program_in_order(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                broker = self.broker()
                worker = self.worker(broker)
                worker.signal(number)
                self.assertEqual(worker.wait(), 0)
                broker.signal(number)
                self.assertEqual(broker.wait(), 0)

    def test_a_second_signal_ends_a_program_at_once(self):
        broker = self.broker("--drain-timeout", "1m")
        worker = self.worker(broker)
        client = self.client(broker)
        client.request("EchoUtil.Sleep", 30000)
        wait_until(lambda: in_flight(client) == 1, "the call runs")
        broker.signal(signal.SIGTERM)
        wait_until(lambda: client.call("EchoUtil.CountString", "x")[0], "it takes no new calls")
        broker.signal(signal.SIGTERM)
        broker.wait(5)
        worker.kill()


class BadFlags(RpcTest):
    def assert_refused(self, arguments, *named, status=2, environment=None):
        """One line on standard error that holds all of `named`, this exit status, nothing on standard output."""
        with self.subTest(arguments=arguments):
            run = self.program(*arguments, environment=environment)
            self.assertEqual(run.wait(), status, run.log)
            self.assertEqual(run.process.stdout.read(), b"")
            self.assertEqual(len(run.log.splitlines()), 1, run.log)
            for text in named:
                self.assertIn(text, run.log)

    def test_a_bad_value_is_named(self):
        self.assert_refused(["rpc-broker", "--frontend", "tcp://127.0.0.1:99999"], "99999", "--frontend", "65535")
        self.assert_refused(["rpc-broker", "--heartbeat", "soon"], "--heartbeat", "soon", "250ms")
        self.assert_refused(["rpc-broker", "--max-message", "big"], "--max-message", "big")
        self.assert_refused(["rpc-worker", "--broker", "tcp://127.0.0.1:70000"], "70000", "--broker")
        self.assert_refused(["rpc-worker", "--threads", "none"], "--threads", "none")
        self.assert_refused(["rpc-call", "--json", "{}", "EchoUtil.Echo"], "--json", "array")
        self.assert_refused(["rpc-call", "--json", "[1,", "EchoUtil.Echo"], "--json")
        self.assert_refused(["rpc-call", "EchoUtil.Echo", "@/no/such/file"], "/no/such/file")
        self.assert_refused(["rpc-call", "--timeout", "5", "EchoUtil.Echo"], "--timeout")
        self.assert_refused(["rpc-call", "--timeout", "soon", "EchoUtil.Echo"], "--timeout", "soon")
        self.assert_refused(["rpc-call", "--broker", "carrier-pigeon", "EchoUtil.Echo"], "--broker", "carrier-pigeon")

    def test_an_unknown_flag_is_named(self):
        for program in PROGRAMS:
            self.assert_refused([program, "--no-such-flag"], "--no-such-flag")

    def test_a_call_without_a_method_is_refused(self):
        self.assert_refused(["rpc-call"], "METHOD")

    def test_an_open_bind_wants_keys_or_insecure(self):
        self.assert_refused(["rpc-broker", "--frontend", "tcp://0.0.0.0:0", "--backend", ANY_PORT],
                            "0.0.0.0", "--insecure")
        self.assert_refused(["rpc-broker", "--backend", "tcp://*:0", "--frontend", ANY_PORT], "--insecure")
        broker = self.program("rpc-broker", "--insecure", "--frontend", "tcp://0.0.0.0:0", "--backend", ANY_PORT)
        broker.ready()
        self.assertEqual(broker.terminate(), 0)

    def test_an_unknown_name_in_a_file_is_an_error(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('hartbeat = "1s"\n')
            file.flush()
            self.assert_refused(["rpc-broker", "--config", file.name], "hartbeat")

    def test_a_bad_environment_variable_is_named(self):
        self.assert_refused(["rpc-broker"], "RPC_HEARTBEAT", environment=clean_environment(RPC_HEARTBEAT="soon"))

    def test_an_endpoint_in_use_is_no_usage_error(self):
        taken = self.broker().frontend
        self.assert_refused(["rpc-broker", "--frontend", taken, "--backend", ANY_PORT], taken, status=1)


class Sources(RpcTest):
    """Flag beats environment beats file."""

    def heartbeat(self, arguments=(), **environment):
        broker = self.program("rpc-broker", "--frontend", ANY_PORT, "--backend", ANY_PORT, *arguments,
                              environment=clean_environment(**environment))
        return self.peer(broker.ready()["frontend"]).hello()["heartbeat"]

    def test_flag_beats_environment_beats_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('# a comment\nheartbeat = "700ms"\n')
            file.flush()
            config = ("--config", file.name)
            self.assertEqual(self.heartbeat(), 500)
            self.assertEqual(self.heartbeat(config), 700)
            self.assertEqual(self.heartbeat(config, RPC_HEARTBEAT="800ms"), 800)
            self.assertEqual(self.heartbeat((*config, "--heartbeat", "900ms"), RPC_HEARTBEAT="800ms"), 900)

    def test_several_values_are_parted_by_commas(self):
        broker = self.broker()
        self.worker(broker)
        environment = clean_environment(RPC_BROKER=f"tcp://127.0.0.1:{free_port()},{broker.frontend}")
        self.assertEqual(rpc_call("EchoUtil.CountString", "this is test", environment=environment).stdout, "3")


class SeveralBrokers(RpcTest):
    def test_a_call_gets_past_a_dead_broker(self):
        broker = self.broker()
        self.worker(broker)
        called = rpc_call("--broker", f"tcp://127.0.0.1:{free_port()}", "--broker", broker.frontend,
                          "EchoUtil.CountString", "this is test")
        self.assertEqual((called.status, called.stdout), (0, "3"), called)

    def test_a_worker_registers_at_all(self):
        one, two = self.broker(), self.broker()
        self.program("rpc-worker", "--broker", one.backend, "--broker", two.backend).ready()
        for broker in (one, two):
            self.assertEqual(self.call(broker, "EchoUtil.CountString", "this is test").stdout, "3")


if __name__ == "__main__":
    main()

"""rpc-top as its users meet it: once for scripts, and live in a terminal, which it leaves as it was."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time

from rpckit import BIN, PATIENCE, SLOWER, RpcTest, clean_environment, main, wait_until

# What ncurses writes to move the cursor, and to change colours.
ESCAPES = re.compile(rb"\x1b[\[(][0-9;?]*[A-Za-z]|\x1b[=>78]")
LEAVES_SCREEN = b"\x1b[?1049l"


class Terminal:
    """A program that runs in a terminal of its own; what it wrote is read by the test."""

    def __init__(self, *arguments, width=100, height=30):
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.settings = termios.tcgetattr(self._slave)
        self.written = b""
        self.process = subprocess.Popen(list(map(str, arguments)), stdin=self._slave, stdout=self._slave,
                                        stderr=self._slave, start_new_session=True,
                                        env=clean_environment(TERM="xterm-256color", LC_ALL="C.UTF-8"))

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)
        os.close(self._slave)

    def _read(self, within):
        if select.select([self._master], [], [], within)[0]:
            self.written += os.read(self._master, 65536)

    def expect(self, text, since=0):
        """Waits until it has written `text`, not counting the first `since` bytes."""
        end = time.monotonic() + PATIENCE
        while text.encode() not in ESCAPES.sub(b"", self.written[since:]):
            if time.monotonic() > end:
                raise AssertionError(f"no {text!r} in {self.written[since:]!r}")
            self._read(0.1)

    def press(self, keys, shows):
        """Presses keys and waits for what they bring."""
        since = len(self.written)
        os.write(self._master, keys.encode())
        self.expect(shows, since)

    def wait(self):
        """Its exit status."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            self._read(0.05)
        self._read(0.05)
        return self.process.wait(0)

    def is_as_it_was(self):
        return termios.tcgetattr(self._slave) == self.settings


class RpcTopTest(RpcTest):
    def top(self, *arguments):
        """Runs rpc-top to its end."""
        return subprocess.run([BIN / "rpc-top", *map(str, arguments)], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env=clean_environment(), timeout=3 * PATIENCE)

    def document(self, broker, *arguments):
        run = self.top("--broker", broker.frontend, "--once", "--json", "--interval", "300ms", *arguments)
        self.assertEqual(run.returncode, 0, run)
        return json.loads(run.stdout)

    def unused_endpoint(self):
        """Bound, not listening: nobody else gets the port meanwhile."""
        probe = socket.socket()
        self.addCleanup(probe.close)
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


class Once(RpcTopTest):
    def setUp(self):
        super().setUp()
        self.at = self.broker()
        self.worker(self.at, "--name", "echo", "--threads", "2")
        for part in ("an", "a"):
            self.assertEqual(self.call(self.at, "EchoUtil.Count", "banana", part).status, 0)
        self.call(self.at, "EchoUtil.Fail", "ABORTED", "as you wish")

    def test_json_has_what_the_broker_knows(self):
        shown = self.document(self.at)
        self.assertEqual(shown["endpoint"], self.at.frontend)
        self.assertTrue(shown["broker"])
        self.assertEqual(shown["totals"]["workers"], 1)
        methods = {method["method"]: method for method in shown["methods"]}
        self.assertEqual(methods["EchoUtil.Count"]["calls"], 2)
        self.assertGreater(methods["EchoUtil.Count"]["p50_us"], 0)
        self.assertIsNone(methods["EchoUtil.Echo"]["p50_us"])
        self.assertEqual(methods["EchoUtil.Fail"]["errors"], 1)
        self.assertEqual(methods["EchoUtil.Fail"]["last_error"], "ABORTED: as you wish")
        self.assertEqual(shown["services"][0]["errors"], 1)
        self.assertEqual(shown["workers"][0]["name"], "echo")
        self.assertIn("rpc-top", [client["name"] for client in shown["clients"]])

    def test_rates_are_those_of_the_interval(self):
        # One call after the other, of 50 ms each: up to 20 a second.
        self.program("rpc-call", "--broker", self.at.frontend, "--repeat", "100000", "EchoUtil.Sleep", "50")
        client = self.client(self.at)
        wait_until(lambda: client.result("rpc.describe", "EchoUtil.Sleep")["calls"] > 2, "calls are made")
        shown = self.document(self.at, "--interval", "1s")
        rate = next(m for m in shown["methods"] if m["method"] == "EchoUtil.Sleep")["calls_per_s"]
        self.assertGreater(rate, 2 / SLOWER)
        self.assertLessEqual(rate, 22)
        self.assertEqual(shown["totals"]["errors_per_s"], 0)

    def test_a_table_for_people(self):
        run = self.top("--broker", self.at.frontend, "--once", "--interval", "100ms", "--view", "methods",
                       "--sort", "method", "--reverse", "--filter", "count")
        self.assertEqual(run.returncode, 0, run)
        lines = run.stdout.splitlines()
        self.assertIn(self.at.frontend, lines[0])
        self.assertIn("1 workers", lines[1])
        self.assertTrue(lines[3].startswith("METHOD"), lines)
        self.assertEqual([line.split()[0] for line in lines[4:]], ["EchoUtil.CountString", "EchoUtil.Count"])

    def test_of_several_brokers_one_that_answers(self):
        run = self.top("--broker", self.unused_endpoint(), "--broker", self.at.frontend, "--once", "--timeout", "300ms",
                       "--interval", "100ms", "--json")
        self.assertEqual(run.returncode, 0, run)
        self.assertEqual(json.loads(run.stdout)["endpoint"], self.at.frontend)


class Mistakes(RpcTopTest):
    def test_nobody_answers(self):
        endpoint = self.unused_endpoint()
        begin = time.monotonic()
        run = self.top("--broker", endpoint, "--once", "--timeout", "500ms")
        self.assertEqual(run.returncode, 3, run)
        self.assertTrue(run.stderr.startswith("rpc-top: UNAVAILABLE: "), run)
        self.assertIn(endpoint, run.stderr)
        self.assert_within(time.monotonic() - begin, 1.0)

    def test_what_is_wrong_is_said_in_one_line(self):
        for arguments, said in ((("--json",), "--once"), (("--sort", "colour"), "calls_per_s"),
                                (("--view", "wires"), "methods"), (("--interval", "1ms"), "100ms")):
            with self.subTest(arguments=arguments):
                run = self.top(*arguments)
                self.assertEqual(run.returncode, 2, run)
                self.assertEqual(len(run.stderr.splitlines()), 1, run)
                self.assertIn(said, run.stderr)

    def test_without_a_terminal_it_says_what_to_do(self):
        run = self.top()
        self.assertEqual(run.returncode, 1, run)
        self.assertIn("--once", run.stderr)

    def test_sigterm_ends_a_sample_that_nobody_answers(self):
        top = self.program("rpc-top", "--broker", self.unused_endpoint(), "--once", "--timeout", "60s")
        time.sleep(0.3)  # until it asks
        self.assertEqual(top.terminate(), 9, top.log)


class Live(RpcTopTest):
    def live(self, *arguments, **options):
        terminal = Terminal(BIN / "rpc-top", "--interval", "200ms", *arguments, **options)
        self.addCleanup(terminal.close)
        return terminal

    def assert_restored(self, terminal):
        self.assertIn(LEAVES_SCREEN, terminal.written)
        self.assertTrue(terminal.is_as_it_was())

    def test_keys_show_one_view_after_the_other(self):
        at = self.broker()
        self.worker(at, "--name", "worker-of-test")
        top = self.live("--broker", at.frontend)
        top.expect("SERVICE")
        top.expect("EchoUtil")
        top.press("2", "EchoUtil.CountString")
        top.press("3", "worker-of-test")
        top.press("\t", "rpc-top")
        top.press("1", "SERVICE")
        top.press("/", "Enter keeps it")
        top.press("nobody", "nothing matches the filter")
        top.press("\x1b", "Tab view")
        top.press("p", "paused")
        os.write(top._master, b"q")
        self.assertEqual(top.wait(), 0)
        self.assert_restored(top)

    def test_it_waits_for_a_broker_that_comes_and_comes_back(self):
        probe = socket.socket()
        probe.bind(("127.0.0.1", 0))
        endpoint = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
        top = self.live("--broker", endpoint, "--timeout", "300ms")
        top.expect("UNAVAILABLE")
        probe.close()
        first = self.broker(frontend=endpoint)
        top.expect("0 workers")
        first.kill()
        top.expect("no answer, trying again", since=len(top.written))
        self.broker(frontend=endpoint)
        top.expect("0 workers", since=len(top.written))

    def test_signals_leave_the_terminal_as_it_was(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number=number):
                top = self.live("--broker", self.unused_endpoint())
                top.expect("SERVICE")
                top.process.send_signal(number)
                self.assertEqual(top.wait(), 0)
                self.assert_restored(top)


if __name__ == "__main__":
    main()

"""What docs/GUIDE.md shows: its commands are run, its programs too, and its code is theirs."""

import json
import re
import shlex
import subprocess
import time

from rpckit import BIN, ROOT, RpcTest, clean_environment, in_flight, main, wait_until

GUIDE = (ROOT / "docs/GUIDE.md").read_text()
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def commands():
    """Each command of the guide, with the lines that it is to print; None where the guide does not say."""
    for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL):
        lines = block.splitlines()
        while lines:
            command, printed = lines.pop(0), []
            while lines and lines[0].startswith("→ "):
                printed.append(lines.pop(0).removeprefix("→ "))
            yield command, printed or None


class Guide(RpcTest):
    def run_program(self, *command, **options):
        run = subprocess.run([BIN / command[0], *command[1:]], env=clean_environment(**options), timeout=60,
                             capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout.splitlines()

    def test_its_code_is_that_of_the_examples(self):
        sources = [path.read_text() for path in (ROOT / "examples").rglob("*.cpp")]
        quotes = re.findall(r"```cpp\n(.*?)```", GUIDE, re.DOTALL)
        self.assertGreaterEqual(len(quotes), 8)
        for quote in quotes:
            self.assertTrue(any(quote in source for source in sources), f"not in examples/:\n{quote}")

    def test_its_commands_print_what_it_says(self):
        broker = self.broker()
        self.worker(broker)
        found = list(commands())
        self.assertGreaterEqual(len(found), 5)
        for command, printed in found:
            with self.subTest(command):
                lines = self.run_program(*shlex.split(command), RPC_BROKER=broker.frontend)
                if printed is None:
                    json.loads(lines[0])
                else:
                    self.assertEqual(lines, printed)

    def test_the_tour(self):
        broker = self.broker()
        self.worker(broker)
        self.worker(broker)
        self.assertEqual(self.run_program("tour_client", broker.frontend), [
            "0", "1", "2", "ended with 2", "CANCELLED: the caller cancelled it", "the same worker",
            "20 ms or more at the worker", "UNAVAILABLE: not today"])
        client = self.client(broker)
        wait_until(lambda: in_flight(client) == 0, "what was cancelled has ended")


class Relay(RpcTest):
    """A handler that makes calls: they share what its own call brought."""

    def setUp(self):
        super().setUp()
        self.rpc_broker = self.broker()
        self.echo = self.worker(self.rpc_broker, "--threads", 2, "--log-level", "debug")
        self.program("relay_worker", self.rpc_broker.frontend, self.rpc_broker.backend)
        self.asker = self.client(self.rpc_broker)

    def test_it_calls_on(self):
        self.assertEqual(self.asker.result("Relay.Shout", "hello"), "HELLO!")

    def test_metadata_and_trace_reach_the_handler(self):
        options = {"meta": {"user": "ann"}, "trace": TRACE}
        self.assertEqual(self.asker.result("Relay.WhoAsks", options=options), f"ann by {TRACE}")

    def test_metadata_and_trace_go_on_and_are_logged(self):
        called = self.call(self.rpc_broker, "--meta", "user=ann", "--trace", TRACE, "Relay.Shout", "hello")
        self.assertEqual(called.stdout, '"HELLO!"', called)
        line = wait_until(lambda: next((line for line in self.echo.log.splitlines() if "EchoUtil.Upper" in line), None),
                          "the call is logged")
        self.assertIn(f"trace={TRACE}", line)
        self.assertIn("meta.user=ann", line)

    def test_its_deadline_goes_on(self):
        self.asker.result("Relay.Shout", "warm")  # its client is connected
        begin = time.monotonic()
        msgid = self.asker.request("Relay.Nap", 60_000, options={"timeout": 500})
        error, _ = self.asker.response(msgid)
        self.assert_error(error, "DEADLINE_EXCEEDED")  # by the broker, or by way of the handler, whichever was first
        # 60 s were asked for, and the default is 30 s: only the deadline of the first call can have ended the second.
        wait_until(lambda: in_flight(self.asker) == 0, "both places are free")
        self.assert_within(time.monotonic() - begin, 1.5)

    def test_who_gives_up_on_it_gives_up_on_what_it_calls(self):
        relay = self.asker.request("Relay.Nap", 60_000)
        wait_until(lambda: in_flight(self.asker) == 2, "both run")
        self.asker.notify("rpc.cancel", relay)
        self.assert_error(self.asker.response(relay)[0], "CANCELLED")
        wait_until(lambda: in_flight(self.asker) == 0, "both places are free", 10)


class SlowCalls(RpcTest):
    def test_they_are_logged_with_their_trace(self):
        broker = self.broker("--slow-call", "50ms")
        self.worker(broker)
        client = self.client(broker)
        client.result("EchoUtil.CountString", "this is test")
        client.result("EchoUtil.Sleep", 100, options={"trace": TRACE})
        line = wait_until(lambda: next((line for line in broker.log.splitlines() if "slow call" in line), None),
                          "it is logged")
        self.assertIn("method=EchoUtil.Sleep", line)
        self.assertIn(f"trace={TRACE}", line)
        self.assertNotIn("CountString", broker.log)


if __name__ == "__main__":
    main()

"""A broker with keys: who may connect, what they may do, and what happens when the authorized file changes."""

import signal
import subprocess
import time

from keykit import KeysTest
from rpckit import BIN, PATIENCE, SLOWER, clean_environment, main, wait_until


class Rights(KeysTest):
    def test_a_call_with_keys(self):
        broker = self.keyed_broker()
        self.keyed_worker(broker)
        called = self.call_as("alice", broker, "EchoUtil.CountString", "this is test")
        self.assertEqual((called.status, called.stdout), (0, "3"), called)

    def test_the_four_commands_of_the_readme(self):
        directory = self.directory / "readme"
        directory.mkdir()
        subprocess.run([BIN / "rpc-keygen", "broker", "worker-1:worker", "alice:client", "--allow", "EchoUtil.*",
                        "--authorized", "authorized"], check=True, capture_output=True, cwd=directory,
                       env=clean_environment())
        broker = self.broker("--key", directory / "broker.key", "--authorized", directory / "authorized")
        self.worker(broker, "--key", directory / "worker-1.key", "--broker-key", directory / "broker.pub")
        called = self.call(broker, "--key-file", directory / "alice.key", "--broker-key", directory / "broker.pub",
                           "EchoUtil.CountString", "this is test")
        self.assertEqual((called.status, called.stdout), (0, "3"), called)

    def test_what_a_line_does_not_allow_is_denied(self):
        broker = self.keyed_broker()
        self.keyed_worker(broker)
        called = self.call_as("alice", broker, "EchoUtil.Upper", "a")
        self.assertEqual(called.status, 8, called)
        self.assertIn("PERMISSION_DENIED: the key alice may not call EchoUtil.Upper", called.stderr)
        self.assertEqual(self.call_as("ops", broker, "EchoUtil.CountString", "s").status, 8)

    def test_the_service_rpc_goes_by_the_role(self):
        broker = self.keyed_broker()
        worker = self.keyed_worker(broker)
        self.assertEqual(self.call_as("alice", broker, "--list").status, 0)
        self.assertEqual(self.call_as("alice", broker, "rpc.calls").status, 8)
        self.assertEqual(self.call_as("ops", broker, "rpc.calls").status, 0)
        ids = self.peer_as("alice", broker.frontend).result("rpc.workers")
        self.assertEqual(self.call_as("alice", broker, "rpc.drain", ids[0]["id"]).status, 8)
        self.assertEqual(self.call_as("ops", broker, "rpc.drain", ids[0]["id"]).status, 0)
        self.assertEqual(worker.wait(), 0)

    def test_a_worker_registers_only_what_its_line_allows(self):
        broker = self.keyed_broker(("worker", "worker", "EchoUtil.Echo"))
        error, _ = self.peer_as("worker", broker.backend).register({"EchoUtil": ["Echo", "Upper"]})
        self.assert_error(error, "PERMISSION_DENIED", by="broker")
        self.assertIn("EchoUtil.Upper", error["message"])
        error, _ = self.peer_as("worker", broker.backend).register({"EchoUtil": ["Echo"]})
        self.assertIsNone(error)

    def test_another_program_with_a_key(self):
        broker = self.keyed_broker()
        self.keyed_worker(broker)
        peer = self.peer_as("alice", broker.frontend)
        self.assertEqual(peer.result("EchoUtil.CountString", "this is test"), 3)
        error, _ = peer.call("EchoUtil.Upper", "a")
        self.assert_error(error, "PERMISSION_DENIED", by="broker", ran="no")


class Strangers(KeysTest):
    def assert_refused(self, called, what):
        self.assertEqual((called.status, called.stdout), (8, ""), called)
        self.assertIn("UNAUTHENTICATED: no broker lets us in", called.stderr)
        self.assertIn(what, called.stderr)

    def test_they_are_not_let_in(self):
        broker = self.keyed_broker()
        self.keyed_worker(broker)
        time_out = "--timeout", "60s"  # none of that is waited for
        for name in "stranger", "worker":
            called = self.call_as(name, broker, *time_out, "EchoUtil.CountString", "s")
            self.assert_refused(called, "it does not let our key in, or its own key is another one than we expect")
        self.assert_refused(self.call(broker, *time_out, "EchoUtil.CountString", "s"), "key")
        wait_until(lambda: self.public("stranger") in broker.log, "the broker says whom it refused")
        self.assertIn("its key is not in the authorized file", broker.log)
        self.assertIn("its key is one of a worker", broker.log)
        self.assertGreaterEqual(self.peer_as("ops", broker.frontend).result("rpc.stats")["peers_refused"], 2)

    def test_a_client_does_not_talk_to_another_broker(self):
        broker = self.keyed_broker()
        called = self.call(broker, "--key-file", self.directory / "alice.key", "--broker-key",
                           self.directory / "stranger.pub", "--timeout", "60s", "rpc.ping")
        self.assert_refused(called, "its own key is another one than we expect")
        open_broker = self.broker()
        self.assert_refused(self.call_as("alice", open_broker, "--timeout", "60s", "rpc.ping"), "key")

    def test_a_broker_with_keys_may_be_open(self):
        self.allow(*self.USUAL)
        broker = self.broker("--key", self.directory / "broker.key", "--authorized", self.authorized,
                             frontend="tcp://0.0.0.0:0")
        broker.frontend = broker.frontend.replace("0.0.0.0", "127.0.0.1")
        self.assertEqual(self.call_as("alice", broker, "rpc.ping").status, 0)

    def test_no_secret_is_shown(self):
        broker = self.keyed_broker()
        self.keyed_worker(broker)
        called = self.call_as("alice", broker, "EchoUtil.CountString", "s")
        shown = broker.log + called.stdout + called.stderr + str(self.peer_as("ops", broker.frontend).result("rpc.stats"))
        for name in "broker", "alice", "worker":
            self.assertNotIn(self.secret(name), shown)


class Changes(KeysTest):
    def sleeper(self, broker):
        """A call of alice's that runs for long, by another program's socket."""
        peer = self.peer_as("alice", broker.frontend)
        peer.request("EchoUtil.Sleep", 60000)
        ops = self.peer_as("ops", broker.frontend)
        wait_until(lambda: [call for call in ops.result("rpc.calls") if call["state"] == "running"], "it runs")
        return peer, ops

    def test_a_key_that_is_taken_out_is_cut_off_within_a_second(self):
        broker = self.keyed_broker()
        self.keyed_worker(broker)
        peer, ops = self.sleeper(broker)
        begin = time.monotonic()
        self.allow(*self.USUAL[1:])
        wait_until(lambda: ops.result("rpc.stats")["peers_cut_off"], "it is cut off")
        wait_until(lambda: not ops.result("rpc.calls"), "its call is cancelled")
        self.assert_within(time.monotonic() - begin, 1.0, "from the change of the file on")
        self.assertEqual(ops.result("rpc.stats")["calls_orphaned"], 1)
        peer.request("EchoUtil.CountString", "s")
        self.assertIsNone(peer.receive(within=1))
        self.assertIn("key=alice", broker.log)

    def test_a_worker_whose_key_is_taken_out_is_lost(self):
        broker = self.keyed_broker()
        self.keyed_worker(broker)
        peer, ops = self.sleeper(broker)
        self.allow(*self.USUAL[:2])
        message = peer.expect(lambda message: message[0] == 1, "the call ends", within=2 * SLOWER)
        self.assert_error(message[2], "UNAVAILABLE", ran="maybe")
        self.assertEqual(ops.result("rpc.workers"), [])

    def test_a_key_that_is_put_in_comes_in(self):
        broker = self.keyed_broker(*self.USUAL[1:])
        self.keyed_worker(broker)
        peer = self.peer_as("alice", broker.frontend)
        peer.request("EchoUtil.CountString", "this is test")
        self.assertIsNone(peer.receive(within=0.5))
        self.allow(*self.USUAL)
        self.assertEqual(peer.receive()[3], 3)

    def test_rights_change_and_calls_go_on(self):
        broker = self.keyed_broker()
        self.keyed_worker(broker)
        peer, ops = self.sleeper(broker)
        self.allow(("alice", "client", "EchoUtil.Upper"), *self.USUAL[1:])
        wait_until(lambda: peer.call("EchoUtil.Upper", "a")[1] == "A", "it may call another method")
        self.assert_error(peer.call("EchoUtil.CountString", "s")[0], "PERMISSION_DENIED")
        self.assertEqual(len(ops.result("rpc.calls")), 1)
        self.assertEqual(ops.result("rpc.stats")["peers_cut_off"], 0)

    def test_sighup_reads_it_at_once(self):
        broker = self.keyed_broker()
        wait_until(lambda: broker.log.count("read the authorized file") == 1, "it is read once more after the start")
        broker.signal(signal.SIGHUP)
        wait_until(lambda: broker.log.count("read the authorized file") == 2, "and on the signal")
        self.assertEqual(broker.terminate(), 0)

    def test_a_file_with_a_mistake_changes_nothing(self):
        broker = self.keyed_broker()
        self.keyed_worker(broker)
        self.authorized.write_text(f"alice client {self.secret('alice')[:-1]}\n")
        wait_until(lambda: "the authorized file is not taken" in broker.log, "it is said")
        self.assertIn("line 1: public key, the third word: a key has 40 characters, this one has 39", broker.log)
        self.assertNotIn(self.secret("alice")[:-1], broker.log)
        self.assertEqual(self.call_as("alice", broker, "EchoUtil.CountString", "this is test").stdout, "3")
        self.authorized.unlink()
        wait_until(lambda: "No such file" in broker.log, "it is said")
        self.assertEqual(self.call_as("alice", broker, "EchoUtil.CountString", "this is test").stdout, "3")


class Mistakes(KeysTest):
    def refused(self, program, *flags):
        run = subprocess.run([BIN / program, *map(str, flags)], capture_output=True, text=True, timeout=PATIENCE,
                             env=clean_environment())
        self.assertEqual((run.returncode, run.stdout, run.stderr.count("\n")), (2, "", 1), run)
        return run.stderr

    def test_flags_that_do_not_go_together(self):
        self.allow(*self.USUAL)
        key, authorized = ("--key", self.directory / "broker.key"), ("--authorized", self.authorized)
        self.assertIn("--key needs --authorized", self.refused("rpc-broker", *key))
        self.assertIn("--authorized needs --key", self.refused("rpc-broker", *authorized))
        self.assertIn("--insecure", self.refused("rpc-broker", *key, *authorized, "--insecure"))
        for program, flag, *more in (("rpc-worker", "--key"), ("rpc-call", "--key-file", "rpc.ping"),
                                     ("rpc-top", "--key-file"), ("rpc-bench", "--key-file")):
            self.assertIn(f"{flag} needs --broker-key", self.refused(program, flag, self.directory / "alice.key", *more))
            self.assertIn(f"--broker-key needs {flag}",
                          self.refused(program, "--broker-key", self.directory / "broker.pub", *more))

    def test_files_that_are_not_right(self):
        self.allow(*self.USUAL)
        key, authorized = self.directory / "broker.key", self.authorized
        self.assertIn("a secret-key is wanted",
                      self.refused("rpc-broker", "--key", self.directory / "broker.pub", "--authorized", authorized))
        key.chmod(0o640)
        self.assertIn("chmod 600", self.refused("rpc-broker", "--key", key, "--authorized", authorized))
        key.chmod(0o600)
        authorized.chmod(0o666)
        self.assertIn("others than its owner may write it",
                      self.refused("rpc-broker", "--key", key, "--authorized", authorized))
        authorized.chmod(0o600)
        authorized.write_text("alice\n")
        self.assertIn("line 1: expected a name", self.refused("rpc-broker", "--key", key, "--authorized", authorized))
        self.assertIn("a public-key is wanted",
                      self.refused("rpc-call", "--key-file", key, "--broker-key", key, "rpc.ping"))

    def test_an_open_bind_without_keys(self):
        self.assertIn("--key", self.refused("rpc-broker", "--frontend", "tcp://0.0.0.0:0"))


if __name__ == "__main__":
    main()

"""Secret keys stay where they are: not in logs, --help, the process list, rpc.* or core dumps; and sockets are their owner's."""

import os
import pathlib
import re
import stat
import subprocess
import unittest

from keykit import KeysTest
from rpckit import BIN, ROOT, SLOWER, clean_environment, main, wait_until


def core_limit(pid):
    return re.search(r"Max core file size +(\S+) +(\S+)", pathlib.Path(f"/proc/{pid}/limits").read_text()).groups()


def in_memory(pid, wanted):
    """How often the bytes are in memory that the process can write to."""
    count = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            begin, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            if rights.startswith("rw"):
                memory.seek(int(begin, 16))
                try:
                    count += memory.read(int(end, 16) - int(begin, 16)).count(wanted)
                except OSError:
                    pass  # memory of a device
    return count


class Secrets(KeysTest):
    def secrets(self):
        return [self.secret(name) for name in ("broker", "alice", "ops", "worker")]

    def test_they_are_shown_nowhere(self):
        self.allow(*self.USUAL)
        broker = self.keyed_broker(flags=("--log-level", "trace"))
        worker = self.worker(broker, *self.own("worker", "--key"), "--log-level", "trace")
        called = self.call_as("alice", broker, "--log-level", "trace", "EchoUtil.CountString", "this is test")
        self.assertEqual(called.stdout, "3", called)
        ops = self.peer_as("ops", broker.frontend)
        shown = [called.stdout, called.stderr, broker.log, worker.log]
        shown += [str(ops.result(method)) for method in ("rpc.stats", "rpc.services", "rpc.workers", "rpc.calls")]
        for pid in broker.pid, worker.pid:
            shown += [pathlib.Path(f"/proc/{pid}/{what}").read_bytes().decode() for what in ("cmdline", "environ")]
        for program in "rpc-broker", "rpc-worker", "rpc-call", "rpc-keygen":
            shown.append(subprocess.run([BIN / program, "--help"], capture_output=True, text=True, check=True,
                                        env=clean_environment()).stdout)
        for secret in self.secrets():
            self.assertNotIn(secret, "".join(shown))

    @unittest.skipIf(os.geteuid() != 0 or SLOWER > 1, "only root looks into a process; sanitizers keep what was freed")
    def test_the_broker_keeps_no_text_of_its_key(self):
        broker = self.keyed_broker()
        self.keyed_worker(broker)
        self.assertEqual(self.call_as("alice", broker, "EchoUtil.CountString", "this is test").stdout, "3")
        self.assertGreater(in_memory(broker.pid, self.public("alice").encode()), 0)  # the search finds what is there
        self.assertEqual(in_memory(broker.pid, self.secret("broker").encode()), 0)

    def test_no_core_is_dumped_of_who_has_a_key(self):
        broker = self.keyed_broker()
        worker = self.keyed_worker(broker)
        for pid in broker.pid, worker.pid:
            self.assertEqual(core_limit(pid), ("0", "0"))
        call = self.program("rpc-call", "--broker", broker.frontend, *self.own("alice"), "EchoUtil.Sleep", "60000")
        wait_until(lambda: core_limit(call.pid) == ("0", "0"), "so it is with a caller")
        if os.geteuid() == 0:
            return  # root owns /proc/PID/mem either way
        with self.assertRaises(PermissionError):
            open(f"/proc/{broker.pid}/mem", "rb").close()

    def test_who_has_no_key_may_dump_core(self):
        before = core_limit(os.getpid())
        self.assertEqual(core_limit(self.broker().pid), before)

    def test_sockets_are_for_their_owner(self):
        directory = self.directory / "made"
        front, back = directory / "front", self.directory / "back"
        self.directory.chmod(0o755)
        mask = os.umask(0)
        try:
            broker = self.broker(frontend=f"ipc://{front}", backend=f"ipc://{back}")
        finally:
            os.umask(mask)
        self.worker(broker)
        self.assertEqual(self.client(broker).result("EchoUtil.CountString", "this is test"), 3)
        self.assertEqual(stat.S_IMODE(directory.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(self.directory.stat().st_mode), 0o755)  # that is not ours
        for path in front, back:
            self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o007, 0)

    def test_without_any_privilege(self):
        self.allow(*self.USUAL)
        broker = self.program("setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", BIN / "rpc-broker",
                              "--frontend", "tcp://127.0.0.1:0", "--backend", "tcp://127.0.0.1:0", "--key",
                              self.directory / "broker.key", "--authorized", self.authorized)
        fields = dict(field.split("=", 1) for field in broker.line().split()[2:])
        broker.frontend, broker.backend = fields["frontend"], fields["backend"]
        self.keyed_worker(broker)
        self.assertEqual(self.call_as("alice", broker, "EchoUtil.CountString", "this is test").stdout, "3")
        self.assertEqual(broker.terminate(), 0)

    def test_the_unit_file(self):
        """Its flags are real ones, and it gives up what a broker does not need."""
        unit = ROOT / "examples/systemd/rpc-broker.service"
        page = subprocess.run([BIN / "rpc-broker", "--help"], capture_output=True, text=True, check=True,
                              env=clean_environment()).stdout
        command = re.search(r"ExecStart=((?:.*\\\n)*.*)", unit.read_text()).group(1)
        for flag in re.findall(r"--[\w-]+", command):
            self.assertIn(flag + " ", page)
        for wanted in "NoNewPrivileges=yes", "LimitCORE=0", "DynamicUser=yes", "CapabilityBoundingSet=\n":
            self.assertIn(wanted, unit.read_text())


if __name__ == "__main__":
    main()

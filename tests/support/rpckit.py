"""What the integration tests share: the real programs, and a peer that speaks the wire itself.

Programs are taken from $RPC_BIN (default: build/bin), started on free ports, waited for by their ready lines, and ended
by process id when the test is over; a test that fails shows what they logged. By hand:

    PYTHONPATH=tests/support RPC_BIN=build/debug/bin /usr/bin/python3 tests/integration/basic_test.py
"""

import os
import pathlib
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import msgpack
import zmq

from halts import Halts

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("RPC_BIN", ROOT / "build/bin"))
# Programs under sanitizers are slower: time limits are multiplied by this.
SLOWER = float(os.environ.get("RPC_SLOWER", "1"))
# Long enough for anything that is to happen at all; no test waits so long unless it fails.
PATIENCE = 20.0
HEARTBEAT = 0.5  # seconds, the broker's default
HALTS = Halts()

ANY_PORT = "tcp://127.0.0.1:0"
SANITIZER_REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:")


def clean_environment(**extra):
    """This process's environment without the RPC_ variables that the programs would take as flags."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RPC_")}
    environment.update(extra)
    return environment


def wait_until(condition, what, within=PATIENCE):
    """Returns the first true value of condition(); fails when there is none in time."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"within {within} s: {what}")


def set_limits(limits):
    """{resource.RLIMIT_…: value}, soft and hard, of this process."""
    for which, value in limits.items():
        resource.setrlimit(which, (value, value))


class Program:
    """One started program. Its standard error is kept in `log`, its standard output is read a line at a time."""

    def __init__(self, name, *arguments, environment=None, stdin=subprocess.DEVNULL, limits=None):
        self.name = name
        self._log = tempfile.TemporaryFile()
        self._unread = b""
        self.process = subprocess.Popen(
            [BIN / name if (BIN / name).exists() else name, *map(str, arguments)], stdin=stdin, stdout=subprocess.PIPE, stderr=self._log,
            env=environment or clean_environment(), preexec_fn=limits and (lambda: set_limits(limits)))

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        """What it wrote to standard error so far."""
        if not self._log.closed:
            self._log.seek(0)
            self._logged = self._log.read().decode(errors="replace")
        return self._logged

    def line(self, within=PATIENCE):
        """The next line of standard output, without its end."""
        end = time.monotonic() + within
        while b"\n" not in self._unread:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError(f"{self.name} printed no line within {within} s; log:\n{self.log}")
            some = os.read(self.process.stdout.fileno(), 65536)
            if not some:
                raise AssertionError(f"{self.name} ended ({self.process.wait()}) without a line; log:\n{self.log}")
            self._unread += some
        line, self._unread = self._unread.split(b"\n", 1)
        return line.decode()

    def ready(self):
        """Waits for the ready line and returns its fields: {"frontend": …, "backend": …}."""
        line = self.line()
        prefix = f"{self.name} ready "
        assert line.startswith(prefix), f"not a ready line: {line!r}"
        return dict(field.split("=", 1) for field in line[len(prefix):].split())

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, within=PATIENCE):
        """Its exit status, once it ended by itself."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {within} s; log:\n{self.log}") from None

    def terminate(self, within=PATIENCE):
        """SIGTERM; its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(within)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    def end(self):
        """Ends it whatever its state, and closes what belongs to it."""
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(5 * SLOWER)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process.stdout.close()
        self._logged = self.log
        self._log.close()


class Peer:
    """A socket that speaks the protocol with nothing of ours: `socket` is a DEALER unless said otherwise."""

    def __init__(self, endpoint, kind=zmq.DEALER, identity=None):
        self.socket = zmq.Context.instance().socket(kind)
        self.socket.linger = 0
        if identity is not None:
            self.socket.setsockopt(zmq.IDENTITY, identity)
        self.socket.connect(endpoint)
        self._next_msgid = 1
        self._received = []

    def close(self):
        self.socket.close()

    def send_body(self, body):
        self.socket.send(body)

    def send(self, *message):
        self.send_body(msgpack.packb(message))

    def request(self, method, *params, options=None):
        """Sends a request; its msgid."""
        msgid = self._next_msgid
        self._next_msgid += 1
        self.send(0, msgid, method, params, *([options] if options is not None else []))
        return msgid

    def notify(self, method, *params):
        self.send(2, method, params)

    def _arrived(self, within):
        """Moves a body that arrives in time to what was received."""
        if not self.socket.poll(max(0, within) * 1000):
            return False
        unpacker = msgpack.Unpacker(strict_map_key=False, max_buffer_size=1 << 30)
        unpacker.feed(self.socket.recv())
        self._received.extend(unpacker)
        return True

    def receive(self, within=PATIENCE):
        """The next message; None when none comes in time."""
        if not self._received and not self._arrived(within):
            return None
        return self._received.pop(0)

    def expect(self, wanted, what, within=PATIENCE):
        """The next message that wanted(message) is true of; others stay for whoever asks for them."""
        end = time.monotonic() + within
        looked_at = 0
        while True:
            for index in range(looked_at, len(self._received)):
                if wanted(self._received[index]):
                    return self._received.pop(index)
            looked_at = len(self._received)
            if not self._arrived(end - time.monotonic()):
                raise AssertionError(f"within {within} s: {what}")

    def response(self, msgid, within=PATIENCE):
        """(error, result) of that request."""
        message = self.expect(lambda message: message[0] == 1 and message[1] == msgid, f"a response to {msgid}", within)
        return message[2], message[3]

    def notification(self, method, within=PATIENCE):
        """The params of the next notification of that name."""
        return self.expect(lambda message: message[0] == 2 and message[1] == method, f"{method}", within)[2]

    def call(self, method, *params, options=None, within=PATIENCE):
        """(error, result) of a call."""
        return self.response(self.request(method, *params, options=options), within)

    def result(self, method, *params, options=None, within=PATIENCE):
        """The result of a call that must succeed."""
        error, result = self.call(method, *params, options=options, within=within)
        assert error is None, f"{method}: {error}"
        return result

    def hello(self, **fields):
        return self.result("rpc.hello", {"protocol": 1, **fields})

    def register(self, services, **fields):
        """Registers as a worker. `services`: {"Service": ["method", …]}; a method may be a map, as on the wire."""
        listed = [{"name": name, "methods": [{"name": m} if isinstance(m, str) else m for m in methods]}
                  for name, methods in services.items()]
        return self.call("rpc.register", {"protocol": 1, "capacity": 1, **fields, "services": listed})

    def take(self, within=PATIENCE):
        """As a worker: the next call as (msgid, method, params, options)."""
        message = self.expect(lambda message: message[0] == 0, "a call", within)
        return message[1], message[2], message[3], (message[4] if len(message) > 4 else {})

    def reply(self, msgid, result=None, error=None):
        self.send(1, msgid, error, result)


class Called:
    """What a run of rpc-call came to."""

    def __init__(self, status, stdout, stderr, seconds):
        self.status = status
        self.output = stdout
        self.stdout = stdout.decode(errors="replace").rstrip("\n")
        self.stderr = stderr.decode(errors="replace").rstrip("\n")
        self.seconds = seconds

    def __repr__(self):
        return f"exit {self.status} after {self.seconds:.2f} s, stdout {self.stdout!r}, stderr {self.stderr!r}"


def rpc_call(*arguments, stdin=b"", environment=None):
    """Runs rpc-call to its end."""
    begin = time.monotonic()
    run = subprocess.run([BIN / "rpc-call", *map(str, arguments)], input=stdin, capture_output=True,
                         env=environment or clean_environment(), timeout=3 * PATIENCE)
    return Called(run.returncode, run.stdout, run.stderr, time.monotonic() - begin)


class RpcTest(unittest.TestCase):
    """A test whose programs and peers are ended with it."""

    def setUp(self):
        self._programs = []

    def run(self, result=None):
        trouble = lambda: len(result.errors) + len(result.failures)
        before = trouble()
        super().run(result)
        if trouble() > before:
            for program in self._programs:
                print(f"--- {program.name} {program.pid}, exit {program.process.poll()}:\n{program.log}", file=sys.stderr)

    def keep(self, program):
        self._programs.append(program)
        self.addCleanup(self._end, program)
        return program

    def _end(self, program):
        program.end()
        log = program.log
        for report in SANITIZER_REPORTS:
            self.assertNotIn(report, log, f"{program.name} {program.pid}")

    def program(self, name, *arguments, **options):
        return self.keep(Program(name, *arguments, **options))

    def broker(self, *flags, frontend=ANY_PORT, backend=ANY_PORT, **options):
        """A broker that serves; its `frontend` and `backend` are the real endpoints."""
        broker = self.program("rpc-broker", "--frontend", frontend, "--backend", backend, *flags, **options)
        fields = broker.ready()
        broker.frontend, broker.backend = fields["frontend"], fields["backend"]
        return broker

    def worker(self, broker, *flags):
        """A worker that is registered there; its `worker_name` is the name that it goes by."""
        worker = self.program("rpc-worker", "--broker", broker.backend, *flags)
        worker.worker_name = worker.ready()["name"]
        return worker

    def peer(self, endpoint, **options):
        peer = Peer(endpoint, **options)
        self.addCleanup(peer.close)
        return peer

    def client(self, broker):
        return self.peer(broker.frontend)

    def call(self, broker, *arguments, **options):
        return rpc_call("--broker", broker.frontend, *arguments, **options)

    def assert_error(self, error, code, **fields):
        """That `error`, off the wire, has this code, a message, and these fields; ran=None: no such field."""
        self.assertIsInstance(error, dict, f"an error {code} was expected")
        self.assertEqual(error.get("code"), code, error)
        self.assertTrue(error.get("message"), error)
        for name, value in fields.items():
            self.assertEqual(error.get(name), value, error)

    def assert_within(self, seconds, limit, what=""):
        """That what has just ended took so long at most, without the time in which the machine stood still."""
        if seconds > limit * SLOWER:
            seconds -= HALTS.seconds_since(time.monotonic() - seconds)
        self.assertLessEqual(seconds, limit * SLOWER, what)


def read_to_end(sock):
    """All until the other side closes, in order or by reset."""
    data = b""
    try:
        while some := sock.recv(65536):
            data += some
    except ConnectionResetError:
        pass
    return data


def in_flight(client):
    """How many calls the broker has at workers."""
    return sum(worker["in_flight"] for worker in client.result("rpc.workers"))


def worker_id(client, name):
    """The id of the worker of that name."""
    return next(worker["id"] for worker in client.result("rpc.workers") if worker["name"] == name)


def main():
    unittest.main(verbosity=2)

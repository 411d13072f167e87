"""Who plays in a run: real brokers, and the workers and clients of this directory, each of which may be killed, stopped and
started again while the others go on.
"""

import os
import pathlib
import select
import shutil
import signal
import socket
import sys
import tempfile

from rpckit import SANITIZER_REPORTS, Peer, Program

# Below the ports that the kernel gives to connections. With one of those, a client that tries again and again to reach a
# broker that is down may be given the broker's own port to connect from, and then reaches itself.
PORTS = range(20000, 32000)


def free_port(random):
    while True:
        port = random.choice(PORTS)
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Actor:
    """A part that is always played by one process, the next one when it was killed. `process` is that one's name."""

    def __init__(self, cast, role, name, program, arguments):
        self.role, self.name = role, name
        self.busy = False  # something is done to it just now
        self.running = False
        self._cast, self._program, self._arguments = cast, program, arguments
        self._life = 0
        self.program = None

    @property
    def process(self):
        return f"{self.name}.{self._life}"

    @property
    def pid(self):
        return self.program.pid

    def start(self):
        self._life += 1
        self._ready = False
        self.program = self._cast.begin(self, self._program, self._arguments(self))
        self.running = True

    def ready(self):
        """Whether it has said that it is; waits for nothing."""
        if not self._ready and select.select([self.program.process.stdout], [], [], 0)[0]:
            self.program.ready()
            self._ready = True
        return self._ready

    def kill(self):
        self.running = False
        self.program.kill()
        self._cast.over(self)

    def stop(self):
        self.program.signal(signal.SIGSTOP)

    def go_on(self):
        self.program.signal(signal.SIGCONT)

    def terminate(self):
        self.running = False
        self.program.signal(signal.SIGTERM)

    def has_ended(self):
        """Whether it ended by itself; then its exit status was 0, or there is a complaint."""
        status = self.program.process.poll()
        if status is None:
            return False
        self._cast.over(self)
        if status != 0:
            self._cast.complain("ends in order", f"{self.process} ended with {status}")
        return True


class Cast:
    """Starts everybody; as a context manager, ends whom it started. `directory` keeps journals and logs."""

    def __init__(self, random, directory=None, *, brokers=1, workers=4, clients=4, threads=4, broker_flags=(),
                 client_flags=()):
        self.random = random
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="chaos-"))
        self.journals = self.directory / "journals"
        self.logs = self.directory / "logs"
        for each in (self.journals, self.logs):
            each.mkdir(parents=True, exist_ok=True)
        self.complaints = []  # (rule, what is wrong, lines)
        self.begun, self.gone = [], []  # processes, for whoever reads their journals
        self._broker_flags, self._client_flags, self._threads = broker_flags, client_flags, threads
        self._ports = {f"b{n + 1}": (free_port(random), free_port(random)) for n in range(brokers)}
        self.brokers = [Actor(self, "broker", name, "rpc-broker", self._of_broker) for name in self._ports]
        self.workers = [Actor(self, "worker", f"w{n + 1}", "chaos_worker", self._of_worker) for n in range(workers)]
        self.clients = [Actor(self, "client", f"c{n + 1}", "chaos_client", self._of_client) for n in range(clients)]

    @property
    def actors(self):
        return self.brokers + self.workers + self.clients

    def frontend(self, broker):
        return f"tcp://127.0.0.1:{self._ports[broker.name][0]}"

    def backend(self, broker):
        return f"tcp://127.0.0.1:{self._ports[broker.name][1]}"

    def _of_broker(self, broker):
        return ["--frontend", self.frontend(broker), "--backend", self.backend(broker), *self._broker_flags]

    def _of_worker(self, worker):
        return [*self._to(self.backend), *self._written(worker), "--threads", self._threads]

    def _of_client(self, client):
        return [*self._to(self.frontend), *self._written(client), "--seed", self.random.randrange(1 << 31),
                *self._client_flags]

    def _to(self, endpoint):
        return [word for broker in self.brokers for word in ("--broker", endpoint(broker))]

    def _written(self, actor):
        return ["--name", actor.process, "--journal", self.journals / f"{actor.process}.journal"]

    def begin(self, actor, program, arguments):
        self.begun.append(actor.process)
        return Program(program, *arguments)

    def over(self, actor):
        """Its process has ended: what it logged is kept."""
        program = actor.program
        program.end()
        self.gone.append(actor.process)
        (self.logs / f"{actor.process}.log").write_text(program.log)
        for report in SANITIZER_REPORTS:
            if report in program.log:
                self.complain("sanitizers", f"{actor.process}: {report}")

    def complain(self, rule, what):
        self.complaints.append((rule, what, []))

    def look_for_crashes(self):
        for actor in self.actors:
            if actor.running and actor.program.process.poll() is not None:
                actor.running = False
                self.complain("nobody crashes", f"{actor.process} ended with {actor.program.process.poll()}")
                self.over(actor)

    def watch(self, broker):
        """A connection of our own to a broker."""
        return Peer(self.frontend(broker))

    def remove(self):
        """Journals and logs: nothing was wrong."""
        shutil.rmtree(self.directory)

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # not without __exit__
        return self

    def __exit__(self, *_):
        for actor in reversed(self.actors):
            if actor.running or (actor.program and actor.program.process.poll() is None):
                actor.running = False
                actor.go_on()
                actor.kill()


def resident_kib(pid):
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))

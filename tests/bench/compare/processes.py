"""Processes that a measurement starts: each is ended by its id, however the measurement ends."""

import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import time

READY_WITHIN = 60.0
END_WITHIN = 10.0
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
# glibc gives freed memory back to the system early, and faults it in again: large bodies pay for that at each call.
KEEP_MEMORY = {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=268435456:glibc.malloc.top_pad=67108864:"
                                 "glibc.malloc.mmap_threshold=33554432:glibc.malloc.arena_max=1"}


class Failure(Exception):
    """A program did not do what it should; says what it wrote."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def cpu_seconds(pid):
    """User and system time of a process that runs, with that of children that it waited for."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / TICKS_A_SECOND


class Processes:
    """Started programs and a folder for their files, for as long as the `with` lasts; all on one core if it is named."""

    def __init__(self, folder, core=None, keep_memory=False):
        self.folder = pathlib.Path(folder)
        self._core = core
        self._environment = KEEP_MEMORY if keep_memory else {}
        self._running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self._running):
            end(process)

    def cpu_seconds(self):
        """Of the servers, by the name of their program."""
        found = {}
        for process in self._running:
            found[process.program] = found.get(process.program, 0) + cpu_seconds(process.pid)
        return found

    def start(self, *command, environment=None, silent=False):
        """A server. Its standard output is a pipe for its ready line, unless it is silent."""
        name = pathlib.Path(command[0]).name
        self.log = self.folder / f"{name}.{len(self._running)}.log"
        with open(self.log, "wb") as log:
            process = subprocess.Popen(
                self._prefixed(command), stdin=subprocess.DEVNULL, stdout=log if silent else subprocess.PIPE,
                stderr=log, env=clean_environment(self._environment | (environment or {})), cwd=self.folder,
                start_new_session=True)
        process.program = name
        self._running.append(process)
        return process

    def ready(self, process, pattern=r"ready(?P<rest>.*)"):
        """Waits for a line of standard output: the NAME=VALUE pairs in it."""
        end_at, text = time.monotonic() + READY_WITHIN, b""
        while not (line := re.search(pattern + r"\n", text.decode())):
            if not select.select([process.stdout], [], [], max(0, end_at - time.monotonic()))[0]:
                raise Failure(f"{process.args}: not ready in time\n{self.log.read_text()}")
            some = os.read(process.stdout.fileno(), 4096)
            if not some:
                raise Failure(f"{process.args}: ended with {process.wait()}\n{self.log.read_text()}")
            text += some
        return dict(re.findall(r"(\w+)=(\S+)", line.group()))

    def until(self, process, condition):
        """Waits for condition() while the process runs."""
        end_at = time.monotonic() + READY_WITHIN
        while not condition():
            if process.poll() is not None or time.monotonic() > end_at:
                raise Failure(f"{process.args}: does not serve\n{self.log.read_text()}")
            time.sleep(0.01)

    def drive(self, command, within):
        """A load driver, to its end: what it printed, and the seconds of processor time that it took."""
        process = subprocess.Popen(
            self._prefixed(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=clean_environment(self._environment), text=True, start_new_session=True)
        try:
            before = os.times()
            out, err = process.communicate(timeout=within)
            after = os.times()
        except subprocess.TimeoutExpired:
            raise Failure(f"{command}: still runs after {within:g} s") from None
        finally:
            end(process)
        if process.returncode:
            raise Failure(f"{command}: exit status {process.returncode}\n{err}")
        return out, (after.children_user + after.children_system) - (before.children_user + before.children_system)

    def _prefixed(self, command):
        prefix = ["setpriv", "--pdeathsig", "KILL"]  # so that nothing is left when this process is killed
        if self._core is not None:
            prefix += ["taskset", "--cpu-list", str(self._core)]
        return prefix + [str(word) for word in command]


def clean_environment(more):
    """Without what programs would take as flags."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("RPC_") and name != "GLIBC_TUNABLES"}
    return environment | more


def end(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()

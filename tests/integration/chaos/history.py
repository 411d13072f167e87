"""The history of a run: every call, every execution, every fault, as the programs wrote them down.

A journal is a text file; each line is "KIND TIME REST", TIME in microseconds of the monotonic clock that all processes of a
machine share. A client (chaos_client.cpp) writes

    S time call method word timeout_ms attempts work     it is about to call; word: who says "idempotent" (no, registered,
                                                         caller); work: milliseconds of a nap, items of a stream
    C time call                                          it is about to cancel
    D time call code by ran items text                   the outcome; items: how many came in order, or "disorder"
    Q time client                                        it ended in order: every call has its outcome

a worker (chaos_worker.cpp)

    B time call method                                   an execution begins
    E time call how                                      and ends: done, stopped (cancelled), threw

and whoever causes the faults

    F time number kind role name                         a fault begins: kill, stop, term; name is the process's
    H time number                                        it is healed: the process, or the next one in its place, is there

and a bystander (bystander.py)

    Z time until                                         the machine did nothing between the two

Journals are named after their process: PROCESS.journal. A call's id is CLIENT:NUMBER, CLIENT the process's name.
"""

import pathlib
import subprocess
import time


def now_us():
    return time.monotonic_ns() // 1000


class Tail:
    """Reads what was appended to a journal since the last time, whole lines only. The file may come later."""

    def __init__(self, path):
        self.process = path.name.removesuffix(".journal")
        self.path = path
        self.read_to = 0
        self._file = None
        self._rest = b""
        self._released = 0

    def lines(self):
        if not self._file:
            if not self.path.exists():
                return []
            self._file = self.path.open("rb")
        some = self._file.read()
        self.read_to += len(some)
        whole, newline, rest = (self._rest + some).rpartition(b"\n")
        self._rest = rest
        return whole.decode().split("\n") if newline else []

    def release(self, least=16 << 20):
        """Gives what was read back to the file system, if it is worth it. The file keeps its length."""
        if self.read_to - self._released < least:
            return
        subprocess.run(["fallocate", "--punch-hole", "--offset", str(self._released),
                        "--length", str(self.read_to - self._released), self.path], check=False)
        self._released = self.read_to

    def close(self):
        if self._file:
            self._file.close()


class Journals:
    """Journals that are read as they grow. Without `keep`, what was read is given up, so that a run may last for hours."""

    def __init__(self, directory, keep=True):
        self._directory = pathlib.Path(directory)
        self._keep = keep
        self._tails = {}

    def add(self, process):
        self._tails[process] = Tail(self._directory / f"{process}.journal")

    def add_all(self):
        """Those that there are."""
        for path in sorted(self._directory.glob("*.journal")):
            self.add(path.name.removesuffix(".journal"))

    def feed(self, checker):
        """Hands everything new to checker.take(process, line)."""
        for tail in self._tails.values():
            self._feed(tail, checker)
            if not self._keep:
                tail.release()

    def retire(self, process, checker):
        """That process has ended: reads the rest."""
        tail = self._tails.pop(process, None)
        if not tail:
            return
        self._feed(tail, checker)
        tail.close()
        if not self._keep:
            tail.path.unlink(missing_ok=True)

    @staticmethod
    def _feed(tail, checker):
        for line in tail.lines():
            checker.take(tail.process, line)

    def close(self):
        for tail in self._tails.values():
            tail.close()


class Journal:
    """What the driver of a run writes itself."""

    def __init__(self, directory, process):
        self.process = process
        self._file = open(pathlib.Path(directory) / f"{process}.journal", "a", buffering=1)

    def write(self, kind, *words):
        self._file.write(" ".join(map(str, (kind, now_us(), *words))) + "\n")

    def close(self):
        self._file.close()
